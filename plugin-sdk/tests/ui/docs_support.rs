// What the pages in README and docs take for granted of their app: ui.rs puts it before them.

#[derive(Clone)]
pub struct Users;

impl Users {
    pub async fn find(&self, _id: u64) -> Result<Option<User>> {
        Ok(None)
    }

    pub async fn by_name(&self, _name: &str) -> Result<Option<Account>> {
        Ok(None)
    }
}

pub struct Account {
    pub id: u64,
    pub hash: String,
}

pub fn is_signed(_body: &[u8], _signature: &[u8]) -> bool {
    true
}

#[derive(serde::Deserialize)]
pub struct User {
    pub name: String,
}

impl User {
    pub async fn save(self) -> Result<StatusCode> {
        Ok(StatusCode::CREATED)
    }
}

#[derive(Clone)]
pub struct Db;

impl Db {
    pub async fn open() -> Result<Db> {
        Ok(Db)
    }

    pub async fn send_due_mail(&self) -> Result<()> {
        Ok(())
    }
}

pub struct ApiKey;

impl<S: Sync> FromRequest<S> for ApiKey {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(_cx: &mut RequestContext<'_>, _state: &S) -> Result<Self> {
        Ok(ApiKey)
    }
}

pub async fn next_order() {}

pub async fn ship(_order: ()) {}

pub mod my_app {
    pub fn routes() -> nova::Routes {
        nova::App::new(nova::no_state()).finish()
    }
}
