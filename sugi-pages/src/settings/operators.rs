//! Operators: added, and changed by whoever administers.

use std::{collections::BTreeSet, str::FromStr};

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use sugi_access::{Access, AccessError, NewOperator, Operator, Role};
use sugi_api::Did;
use sugi_core::{Actor, ShopId, Shops};
use sugi_store::StoreError;

use super::{
    reauthentication::{self, Own},
    refused, roles_of, shops_of,
};
use crate::{
    Pages,
    account::AccountMessages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::{Form, NoAmount},
    lang::{fill, messages},
    layout::{Layout, Part, html},
};

messages! {
    /// One operator.
    OperatorMessages {
        add "담당자 추가" "Add an operator"
        title "담당자" "Operator"
        name "이름" "Name"
        name_hint "로그인할 때 쓰며 기록에 남습니다. 나중에 바꿀 수 없습니다." "To sign in with, and written into the records. It cannot be changed later."
        roles "권한" "Roles"
        roles_hint "아무것도 고르지 않으면 조회만 할 수 있습니다." "With none of them they can look only."
        shops "상점" "Shops"
        all_shops "모든 상점 (나중에 추가되는 상점 포함)" "All shops, those that come later as well"
        shops_hint "아무것도 고르지 않으면 어느 상점도 볼 수 없습니다. 내가 쓸 수 있는 상점만 줄 수 있습니다." "With none of them they see no shop. You can give the shops that you may use yourself."
        limit "건당 한도 (원)" "Limit per payment (won)"
        limit_hint "비워 두면 한도가 없습니다. 한도가 있으면 달러는 결제하거나 취소할 수 없습니다." "Left empty there is no limit. With one they charge and cancel won only, no dollars."
        active "로그인할 수 있음" "May sign in"
        password "첫 비밀번호" "First password"
        new_password "새 비밀번호" "New password"
        password_hint "12자 이상. 저장하면 모든 로그인이 끝납니다." "At least 12 characters. It ends all their sessions."
        save "저장" "Save"
        unlock "잠금 풀기" "Unlock"
        end_sessions "모든 로그인 끝내기" "End all sessions"
        end_sessions_lead "로그인된 모든 곳에서 바로 로그아웃됩니다." "They are signed out everywhere at once."
        forget_codes "일회용 코드 지우기 (휴대전화 분실)" "Take the one-time codes away (telephone lost)"
        forget_codes_lead "비밀번호만으로 로그인하게 되며 복구 코드도 쓸 수 없습니다. 본인인지 먼저 확인하십시오." "A password alone lets them in then, and their recovery codes are gone. Make sure first that it is they who ask."
        forget_passkeys "패스키 지우기 (기기 분실)" "Take the passkeys away (device lost)"
        forget_passkeys_lead "패스키 {}개가 지워지고 로그인된 모든 곳에서 로그아웃됩니다. 본인인지 먼저 확인하십시오." "Their passkeys, {} of them, let nobody in any more, and they are signed out everywhere. Make sure first that it is they who ask."
        sure "진행" "Do it"
        set_password "비밀번호 바꾸기" "Set the password"
        acts "그 밖에" "Besides"
        e_card "이름에 카드번호로 보이는 숫자가 있습니다. 다른 이름을 쓰십시오." "The name holds what looks like a card number. Choose another one."
        e_name "이름은 1~64바이트이며 제어 문자를 쓸 수 없습니다." "A name has 1 to 64 bytes without control characters."
        e_taken "같은 이름의 담당자가 있습니다." "There is an operator of that name."
        e_limit "한도는 숫자입니다." "The limit is a number."
        e_changed "이 화면을 연 뒤 다른 관리자가 이 담당자를 변경했습니다. 저장되지 않았습니다. 지금 상태를 확인하고 다시 변경해 주세요." "Another administrator has changed this operator since this page was opened. Nothing was saved. Check the present state and change it again."
        e_last "모든 상점을 관리할 수 있는 마지막 담당자입니다. 먼저 다른 담당자에게 관리 권한과 모든 상점을 주십시오." "This is the last one who can administer all shops. Give somebody else that role and all shops first."
        e_busy "다른 사람이 동시에 바꾸고 있습니다. 다시 시도하십시오." "Somebody else is changing it at the same time. Try again."
    }
}

#[derive(Template)]
#[template(path = "settings/operator.html")]
struct OperatorsPage {
    layout: Layout,
    w: &'static OperatorMessages,
    problem: Option<&'static str>,
    /// None for one who is to be added.
    address: Option<String>,
    /// How the operator stood when the page was made, in words; a change is made to nothing else.
    stood: String,
    name: String,
    roles: Vec<(&'static str, &'static str, bool)>,
    shops: Vec<(String, bool)>,
    /// Whether all shops are ticked, where they can be given at all.
    all_shops: Option<bool>,
    limit: String,
    active: bool,
    has_codes: bool,
    /// The sentence about their passkeys, if they have any.
    passkeys: Option<String>,
    locked: bool,
    reauthentication: Own,
}

/// The address of an operator's page.
pub(crate) fn address(name: &Actor) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_str().as_bytes()).collect();
    format!("/settings/operators/{}", name.replace('+', "%20"))
}

pub(crate) async fn new(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    page(&pages, &current_operator, None, &Wanted::nothing(), None).await
}

pub(crate) async fn add(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let w = OperatorMessages::of(current_operator.lang);
    let wanted = Wanted::of(&form)?;
    wanted.may_be_given_by(&current_operator)?;
    let problem = match (form.get("name").parse::<Actor>(), wanted.limit()) {
        (Err(_), _) => w.e_name,
        (_, Err(())) => w.e_limit,
        (Ok(name), Ok(amount_max)) => {
            if let Some(problem) =
                reauthentication::answered(&pages, &current_operator, &form).await?
            {
                let page = page(&pages, &current_operator, None, &wanted, Some(problem));
                return Ok(refused(page.await?));
            }
            let new = NewOperator {
                name,
                roles: wanted.roles.clone(),
                shops: wanted.shops.clone(),
                amount_max,
                password: form.secret("password"),
            };
            match pages.access().add_operator(new).await {
                Ok(added) => {
                    let did = Extension(Did(format!("{} {}", added.name, wanted.audit_sentence())));
                    return Ok((did, Redirect::to(&address(&added.name))).into_response());
                }
                Err(why) => said(&why, &current_operator)?,
            }
        }
    };
    let page = page(&pages, &current_operator, None, &wanted, Some(problem));
    Ok(refused(page.await?))
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let operator = find(&pages, &current_operator, &name).await?;
    let wanted = Wanted::like(&operator);
    page(&pages, &current_operator, Some(&operator), &wanted, None).await
}

pub(crate) async fn change(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, ErrorPage> {
    let operator = find(&pages, &current_operator, &name).await?;
    let w = OperatorMessages::of(current_operator.lang);
    let (access, name) = (pages.access(), &operator.name);
    let now = access.clock().now();
    // Of what another form of the page sends, the one with the roles has to know nothing.
    let mut wanted = Wanted::like(&operator);
    let act = form.get("act");
    // Ending sessions and unlocking give no one anything.
    if matches!(act, "password" | "codes" | "passkeys" | "save") {
        if act == "save" {
            wanted = Wanted::of(&form)?;
            wanted.may_be_given_by(&current_operator)?;
        }
        if let Some(problem) = reauthentication::answered(&pages, &current_operator, &form).await? {
            let page = page(
                &pages,
                &current_operator,
                Some(&operator),
                &wanted,
                Some(problem),
            );
            return Ok(refused(page.await?));
        }
    }
    let changed = match act {
        "password" => access.set_password(name, form.secret("password")).await,
        "unlock" => access.forgive(name).await,
        "sessions" => take_away(access, name, |one| one.end_sessions(now)).await,
        "codes" => take_away(access, name, |one| one.forget_codes(now)).await,
        "passkeys" => take_away(access, name, |one| one.forget_passkeys(now)).await,
        "save" => {
            let Ok(amount_max) = wanted.limit() else {
                let page = page(
                    &pages,
                    &current_operator,
                    Some(&operator),
                    &wanted,
                    Some(w.e_limit),
                );
                return Ok(refused(page.await?));
            };
            let stood = form.get("stood");
            let change = |one: &mut Operator| {
                // Another administrator may have given them more since they were looked at.
                if !current_operator.operator().may_administer(&one.shops) {
                    return Err(AccessError::Unknown(one.name.to_string()).into());
                }
                // Or have dismissed them: the form says all of it, and would undo that.
                if Wanted::like(one).audit_sentence() != stood {
                    return Err(NotChanged::Stale);
                }
                one.roles.clone_from(&wanted.roles);
                one.shops.clone_from(&wanted.shops);
                one.amount_max = amount_max;
                one.active = wanted.active;
                Ok(())
            };
            match access.change_operator(name, change).await {
                Err(NotChanged::Stale) => {
                    let operator = find(&pages, &current_operator, name.as_str()).await?;
                    let fresh = Wanted::like(&operator);
                    let said = Some(w.e_changed);
                    let page = page(&pages, &current_operator, Some(&operator), &fresh, said);
                    let mut page = page.await?;
                    *page.status_mut() = StatusCode::CONFLICT;
                    return Ok(page);
                }
                Err(NotChanged::Access(why)) => Err(why),
                Ok(_) => Ok(()),
            }
        }
        _ => return Err(ErrorPage::BadForm),
    };
    match changed {
        Ok(()) => {
            let did = match act {
                "save" => wanted.audit_sentence(),
                other => other.to_owned(),
            };
            Ok((Extension(Did(did)), Redirect::to("/settings")).into_response())
        }
        Err(why) => {
            let problem = said(&why, &current_operator)?;
            let page = page(
                &pages,
                &current_operator,
                Some(&operator),
                &wanted,
                Some(problem),
            );
            Ok(refused(page.await?))
        }
    }
}

/// Takes something away from an operator, which gives it to no one else.
async fn take_away(
    access: &Access,
    name: &Actor,
    take: impl Fn(&mut Operator),
) -> Result<(), AccessError> {
    let change = |one: &mut Operator| {
        take(one);
        Ok::<_, AccessError>(())
    };
    access.change_operator(name, change).await.map(drop)
}

/// Why an operator was not changed.
enum NotChanged {
    /// It was changed by another since the page was made.
    Stale,
    Access(AccessError),
}

impl From<AccessError> for NotChanged {
    fn from(why: AccessError) -> Self {
        Self::Access(why)
    }
}

impl From<StoreError> for NotChanged {
    fn from(why: StoreError) -> Self {
        Self::Access(why.into())
    }
}

/// An operator whom the visitor may administer. Who is for a shop that is not the visitor's is not there:
/// whoever gives another one a password can be that other one.
async fn find(
    pages: &Pages,
    current_operator: &CurrentOperator,
    name: &str,
) -> Result<Operator, ErrorPage> {
    let name: Actor = name.parse().map_err(|_| ErrorPage::NotFound)?;
    let found = pages.access().operator(&name).await?;
    let theirs = found.filter(|one| current_operator.operator().may_administer(&one.shops));
    theirs.ok_or(ErrorPage::NotFound)
}

fn said(why: &AccessError, current_operator: &CurrentOperator) -> Result<&'static str, ErrorPage> {
    let w = OperatorMessages::of(current_operator.lang);
    match why {
        AccessError::NameTaken(_) => Ok(w.e_taken),
        AccessError::CardInName => Ok(w.e_card),
        AccessError::LastAdministrator => Ok(w.e_last),
        AccessError::Busy => Ok(w.e_busy),
        other => crate::account::said(other, AccountMessages::of(current_operator.lang)),
    }
}

/// What stands in the form.
struct Wanted {
    name: String,
    roles: BTreeSet<Role>,
    shops: Shops,
    limit: String,
    active: bool,
}

impl Wanted {
    /// A form in which nothing stands yet: no role and no shop.
    fn nothing() -> Self {
        Self {
            name: String::new(),
            roles: BTreeSet::new(),
            shops: Shops::none(),
            limit: String::new(),
            active: false,
        }
    }

    /// No one gives what they may not use themselves.
    fn may_be_given_by(&self, current_operator: &CurrentOperator) -> Result<(), ErrorPage> {
        if current_operator.operator().may_administer(&self.shops) {
            Ok(())
        } else {
            Err(ErrorPage::MayNot)
        }
    }

    /// What was sent. A role or a shop that reads as none is not left out.
    fn of(form: &Form) -> Result<Self, ErrorPage> {
        Ok(Self {
            name: form.get("name").into(),
            roles: parsed(&form.all("role"))?,
            shops: shops_of(form)?,
            limit: match form.amount("limit") {
                Ok(limit) => limit.map_or_else(String::new, |limit| limit.to_string()),
                // Shown again as it was typed, and refused.
                Err(NoAmount) => form.get("limit").into(),
            },
            active: form.get("active") == "yes",
        })
    }

    fn like(operator: &Operator) -> Self {
        Self {
            name: operator.name.to_string(),
            roles: operator.roles.clone(),
            shops: operator.shops.clone(),
            limit: operator
                .amount_max
                .map_or_else(String::new, |most| most.to_string()),
            active: operator.active,
        }
    }

    /// It in words for the audit.
    fn audit_sentence(&self) -> String {
        let names = |names: Vec<&str>, none: &str| match names.as_slice() {
            [] => none.to_owned(),
            names => names.join(","),
        };
        let roles = names(
            self.roles.iter().map(|role| role.as_str()).collect(),
            "none",
        );
        let shops = self.shops.to_string().replace(", ", ",");
        let limit = names(
            [&*self.limit]
                .into_iter()
                .filter(|it| !it.is_empty())
                .collect(),
            "none",
        );
        let active = if self.active { "" } else { " inactive" };
        format!("roles {roles} shops {shops} limit {limit}{active}")
    }

    fn limit(&self) -> Result<Option<u64>, ()> {
        match &*self.limit {
            "" => Ok(None),
            text if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| ())
            }
            _ => Err(()),
        }
    }
}

fn parsed<T: FromStr + Ord>(texts: &[&str]) -> Result<BTreeSet<T>, ErrorPage> {
    let parsed = texts.iter().map(|text| text.parse().ok());
    parsed.collect::<Option<_>>().ok_or(ErrorPage::BadForm)
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    operator: Option<&Operator>,
    wanted: &Wanted,
    problem: Option<&'static str>,
) -> Result<Response, ErrorPage> {
    let w = OperatorMessages::of(current_operator.lang);
    let title = match operator {
        Some(operator) => format!("{} {}", w.title, operator.name),
        None => w.add.into(),
    };
    let layout = Layout::around(pages, current_operator, Part::Settings, title).await?;
    let locked = match operator {
        Some(one) => pages.access().held(one).await?.is_some(),
        None => false,
    };
    let shops = pages.engine().shops();
    let me = current_operator.operator();
    let mine = shops.iter().filter(|shop| me.may_use(&shop.id));
    let named = wanted.shops.named();
    // One that is not configured any more stays theirs.
    let mut all: BTreeSet<&ShopId> = mine.map(|shop| &shop.id).collect();
    all.extend(named.into_iter().flatten());
    let has = |role: &str| wanted.roles.iter().any(|one| one.as_str() == role);
    Ok(html(&OperatorsPage {
        layout,
        w,
        problem,
        address: operator.map(|one| address(&one.name)),
        stood: operator.map_or_else(String::new, |one| Wanted::like(one).audit_sentence()),
        name: wanted.name.clone(),
        roles: roles_of(current_operator.lang)
            .into_iter()
            .map(|(role, name)| (role, name, has(role)))
            .collect(),
        shops: all
            .into_iter()
            .map(|shop| {
                let has = named.is_some_and(|named| named.contains(shop));
                (shop.to_string(), has)
            })
            .collect(),
        all_shops: (me.shops == Shops::All).then_some(wanted.shops == Shops::All),
        limit: wanted.limit.clone(),
        active: wanted.active || operator.is_none(),
        has_codes: operator.is_some_and(Operator::has_codes),
        passkeys: operator
            .map(|one| one.passkeys().len())
            .filter(|count| *count > 0)
            .map(|count| fill(w.forget_passkeys_lead, &[&count.to_string()])),
        locked,
        reauthentication: Own::of(current_operator),
    }))
}
