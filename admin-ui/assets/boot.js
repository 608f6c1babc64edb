// Starts the app, and says so when it cannot start or has stopped: a frozen page
// would look as if it were still live. Where the app lies is read from the page,
// so that this file needs no placeholders.
const address = (id) => document.getElementById(id).href;

function tell(title, text) {
  if (document.getElementById("stopped")) {
    return;
  }
  const box = document.createElement("div");
  box.id = "stopped";
  box.className = "entrance";
  box.setAttribute("role", "alert");
  const heading = document.createElement("h1");
  heading.textContent = title;
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "button primary";
  again.textContent = "Reload";
  again.addEventListener("click", () => location.reload());
  box.append(heading, paragraph, again);
  document.body.replaceChildren(box);
}

// A fault in the app ends it: after it, nothing on the page moves any more.
addEventListener("error", (event) => {
  if (event.error instanceof WebAssembly.RuntimeError) {
    tell("The app stopped", "It met a fault of its own. An open policy edit is kept in this tab; reload to go on.");
  }
});

try {
  const { default: start } = await import(address("app-script"));
  await start({ module_or_path: address("app-wasm") });
  document.getElementById("boot")?.remove();
} catch (error) {
  console.error(error);
  tell(
    "The app could not start",
    "Reload the page. If that does not help, the browser may be too old: it needs WebAssembly and ES modules.",
  );
}
