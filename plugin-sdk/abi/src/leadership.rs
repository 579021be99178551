//! Which generation of an app leads: an extension by which a host tells each app.
//!
//! Two generations of one app may be alive at once: one answers requests, another drains, stands by
//! for a rollback, or has a share of the requests. One of them leads: what an app does besides
//! answering requests (a queue, a timer) is done there alone. A host first tells the one that led to
//! stand by, and waits until its work has ended; then it tells the next one to lead.

use crate::guard::catch;
use crate::{App, Extension, Failure, GuardedFuture, Plugin};

/// What the SDK implements: an application that leads when it is told to, and only then.
pub trait LeadingPlugin: Plugin {
    /// Lets the application lead, or ends that; ready when it has taken note, and for an end, when
    /// what it does as the leading one has ended.
    fn lead(&self, leads: bool) -> impl Future<Output = ()> + Send + '_;

    /// A number that the views of one application have in common, and no other application that is
    /// alive.
    fn identity(&self) -> usize;
}

/// The table of a [`LeadingPlugin`].
#[repr(C)]
#[derive(Debug)]
pub struct LeadershipTable {
    lead: unsafe extern "C" fn(*const (), bool) -> GuardedFuture<'static, ()>,
    identity: unsafe extern "C" fn(*const ()) -> usize,
}

// SAFETY: the name is this type's, with the number of what is in it.
unsafe impl Extension for LeadershipTable {
    const NAME: &'static str = "nova-leadership/1";
}

impl LeadershipTable {
    /// The table of applications of this type.
    #[must_use]
    pub const fn of<P: LeadingPlugin>() -> Self {
        Self { lead: lead::<P>, identity: identity::<P> }
    }
}

unsafe extern "C" fn lead<P: LeadingPlugin>(
    plugin: *const (),
    leads: bool,
) -> GuardedFuture<'static, ()> {
    // SAFETY: `plugin` is the application that has given this table away; `App::lead` awaits while
    // it borrows the application.
    let plugin: &'static P = unsafe { &*plugin.cast() };
    GuardedFuture::new(async move {
        plugin.lead(leads).await;
        Ok(())
    })
}

unsafe extern "C" fn identity<P: LeadingPlugin>(plugin: *const ()) -> usize {
    // SAFETY: `plugin` is the application that has given this table away, borrowed for this call.
    let plugin = unsafe { &*plugin.cast::<P>() };
    catch(|| plugin.identity()).unwrap_or_default()
}

impl App {
    /// Lets the app lead, or ends that; ready when what it does as the leading one has ended. An app
    /// whose SDK does not know of it has nothing to say.
    ///
    /// # Errors
    /// With the panic of what it does.
    pub async fn lead(&self, leads: bool) -> Result<(), Failure> {
        match self.extension::<LeadershipTable>() {
            // SAFETY: the plugin has given this table for itself, and `&self` keeps it alive through
            // the await.
            Some((table, plugin)) => unsafe { (table.lead)(plugin, leads) }.await,
            None => Ok(()),
        }
    }

    /// Whether both are views of one app.
    #[must_use]
    pub fn is_view_of(&self, other: &Self) -> bool {
        let identity = |app: &Self| {
            let (table, plugin) = app.extension::<LeadershipTable>()?;
            // SAFETY: the plugin has given this table for itself.
            Some(unsafe { (table.identity)(plugin) })
        };
        identity(self).is_some_and(|this| this != 0 && identity(other) == Some(this))
    }
}
