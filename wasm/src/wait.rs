//! Waiting: for each other, for a moment, and for whichever comes first.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::Function;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;

use crate::js::{self, AbortSignal};

/// Wakes everybody who waits for a change.
#[derive(Default)]
pub(crate) struct Bell(RefCell<Vec<Waker>>);

impl Bell {
    pub(crate) fn ring(&self) {
        for waker in self.0.take() {
            waker.wake();
        }
    }

    /// Asks again after each ring, until there is something.
    pub(crate) async fn until<T>(&self, mut ask: impl FnMut() -> Option<T>) -> T {
        poll_fn(|context| match ask() {
            Some(found) => Poll::Ready(found),
            None => {
                self.0.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// Whichever ends first.
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Runs both until one ends, and drops the other.
pub(crate) async fn first<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(value) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(value));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}

/// A timer that calls back once, unless it is dropped before.
pub(crate) struct Timer {
    id: wasm_bindgen::JsValue,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    pub(crate) fn new(milliseconds: f64, callback: impl FnOnce() + 'static) -> Self {
        let callback = Closure::once(callback);
        let id = js::set_timeout(callback.as_ref().unchecked_ref(), milliseconds);
        Self {
            id,
            _callback: callback,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        js::clear_timeout(&self.id);
    }
}

/// Lets so much time pass. With 0 it only lets others have their turn.
pub(crate) async fn sleep(milliseconds: f64) {
    let state = Rc::new((Cell::new(false), Bell::default()));
    let rung = Rc::clone(&state);
    let _timer = Timer::new(milliseconds, move || {
        rung.0.set(true);
        rung.1.ring();
    });
    state.1.until(|| state.0.get().then_some(())).await;
}

/// Tells of the end that a caller asked for.
pub(crate) struct Aborted {
    signal: AbortSignal,
    bell: Rc<Bell>,
    callback: Closure<dyn FnMut()>,
}

impl Aborted {
    pub(crate) fn new(signal: AbortSignal) -> Self {
        let bell = Rc::new(Bell::default());
        let rung = Rc::clone(&bell);
        let callback = Closure::new(move || rung.ring());
        let function: &Function = callback.as_ref().unchecked_ref();
        signal.add_listener("abort", function);
        Self {
            signal,
            bell,
            callback,
        }
    }

    /// Ends when the signal does.
    pub(crate) async fn wait(&self) {
        let aborted = || self.signal.aborted().then_some(());
        self.bell.until(aborted).await;
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        let function: &Function = self.callback.as_ref().unchecked_ref();
        self.signal.remove_listener("abort", function);
    }
}
