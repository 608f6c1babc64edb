//! Bodies that are passed on chunk by chunk while somebody looks on. A chunk stays the
//! runtime's own object: it is read once, and neither copied back nor awaited in WASM.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::ReadableStream;
use worker::Error;

/// Who looks on.
pub trait Witness: 'static {
    /// A chunk is about to be passed on.
    fn chunk(&mut self, bytes: &[u8]);
    /// Nothing more comes. Said once at most, and not at all where the runtime gives up
    /// the whole request: then the witness is dropped, some time.
    fn ended(self, end: End);
    /// Words to put between two chunks, asked for from time to time.
    fn words(&mut self) -> Option<&'static [u8]>;
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it was read.
    Finished,
    /// It broke off, or whoever it was for did not want it any more.
    Cut,
}

#[wasm_bindgen]
extern "C" {
    /// `ReadableStreamDefaultReader` (WHATWG Streams, §4.4).
    #[derive(Clone)]
    type Reader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<Pending, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Reader) -> Result<Promise, JsValue>;

    /// A promise whose handlers live as long as the body.
    type Pending;
    #[wasm_bindgen(method)]
    fn then(this: &Pending, resolved: &Function, rejected: &Function) -> Promise;

    /// What `read` resolves to.
    type Chunk;
    #[wasm_bindgen(method, getter)]
    fn done(this: &Chunk) -> bool;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Chunk) -> JsValue;

    /// `ReadableStreamDefaultController` (§4.6).
    #[derive(Clone)]
    type Controller;
    #[wasm_bindgen(method, catch)]
    fn enqueue(this: &Controller, chunk: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &Controller) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn error(this: &Controller, error: &JsValue);

    /// An underlying source (§4.2.3).
    type Source;
    #[wasm_bindgen(method, setter)]
    fn set_pull(this: &Source, pull: &JsValue);
    #[wasm_bindgen(method, setter)]
    fn set_cancel(this: &Source, cancel: &JsValue);

    type Strategy;
    #[wasm_bindgen(method, setter, js_name = highWaterMark)]
    fn set_high_water_mark(this: &Strategy, chunks: u32);
}

/// A body on its way.
pub struct Relay<W>(Rc<Shared<W>>);

struct Shared<W> {
    reader: Reader,
    /// Known once the first chunk was asked for.
    controller: RefCell<Option<Controller>>,
    /// Gone once the body has ended.
    witness: RefCell<Option<W>>,
}

impl<W: Witness> Relay<W> {
    /// Passes `body` on: what comes back is the same, read a chunk at a time as its reader
    /// asks for it.
    ///
    /// # Errors
    /// When somebody else reads it already.
    pub fn of(body: &ReadableStream, witness: W) -> Result<(ReadableStream, Self), Error> {
        if body.locked() {
            return Err(Error::RustError("the body is being read".to_owned()));
        }
        let shared = Rc::new(Shared {
            reader: body.get_reader().unchecked_into(),
            controller: RefCell::default(),
            witness: RefCell::new(Some(witness)),
        });
        let source: Source = Object::new().unchecked_into();
        source.set_pull(&pull(&shared));
        source.set_cancel(&cancel(&shared));
        // Nothing is read ahead: a slow reader slows the provider.
        let strategy: Strategy = Object::new().unchecked_into();
        strategy.set_high_water_mark(0);
        let (source, strategy) = (source.unchecked_ref(), strategy.unchecked_into());
        let passed = ReadableStream::new_with_underlying_source_and_strategy(source, &strategy)?;
        Ok((passed, Self(shared)))
    }

    /// Asks the witness for words, and passes them on.
    pub fn ask_for_words(&self) {
        let words = self.0.witness.borrow_mut().as_mut().and_then(W::words);
        if let Some(words) = words
            && let Some(controller) = self.0.controller.borrow().as_ref()
        {
            // One that is closed already needs none.
            let _ = controller.enqueue(&Uint8Array::from(words).into());
        }
    }
}

impl<W> std::fmt::Debug for Relay<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl<W: Witness> Shared<W> {
    fn end(&self, end: End) {
        let witness = self.witness.borrow_mut().take();
        if let Some(witness) = witness {
            witness.ended(end);
        }
    }

    fn passed(&self, chunk: &Chunk) {
        let Some(controller) = self.controller.borrow().clone() else {
            return;
        };
        if chunk.done() {
            self.end(End::Finished);
            let _ = controller.close();
            return;
        }
        let value = chunk.value();
        if let Some(witness) = self.witness.borrow_mut().as_mut() {
            witness.chunk(&value.unchecked_ref::<Uint8Array>().to_vec());
        }
        let _ = controller.enqueue(&value);
    }

    fn broke(&self, error: &JsValue) {
        self.end(End::Cut);
        if let Some(controller) = self.controller.borrow().as_ref() {
            controller.error(error);
        }
    }
}

// INVARIANT: a body's functions belong to the runtime, which frees them with the body; nothing
// in WASM keeps them, so that a request that is given up leaves nothing behind.

fn pull<W: Witness>(shared: &Rc<Shared<W>>) -> JsValue {
    let resolved = function(shared, |shared, chunk| shared.passed(chunk.unchecked_ref()));
    let rejected = function(shared, |shared, error| shared.broke(error));
    let shared = Rc::clone(shared);
    let pull = move |controller: JsValue| -> Result<Promise, JsValue> {
        shared
            .controller
            .borrow_mut()
            .get_or_insert_with(|| controller.unchecked_into());
        Ok(shared.reader.read()?.then(&resolved, &rejected))
    };
    Closure::<dyn FnMut(JsValue) -> Result<Promise, JsValue>>::new(pull).into_js_value()
}

fn cancel<W: Witness>(shared: &Rc<Shared<W>>) -> JsValue {
    let shared = Rc::clone(shared);
    let cancel = move || -> Result<Promise, JsValue> {
        shared.end(End::Cut);
        shared.reader.cancel()
    };
    Closure::<dyn FnMut() -> Result<Promise, JsValue>>::new(cancel).into_js_value()
}

fn function<W: Witness>(
    shared: &Rc<Shared<W>>,
    then: impl Fn(&Shared<W>, &JsValue) + 'static,
) -> Function {
    let shared = Rc::clone(shared);
    let function = move |value: JsValue| then(&shared, &value);
    Closure::<dyn FnMut(JsValue)>::new(function)
        .into_js_value()
        .unchecked_into()
}
