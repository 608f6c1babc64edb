// Says so when the app cannot start or has stopped: a frozen page would look as
// if it were still live. The app itself is started by app.js, which the build
// writes, and removes #boot once it is there.
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

function stopped(reason) {
  if (document.getElementById("boot")) {
    tell(
      "The app could not start",
      "Reload the page. If that does not help, the browser may be too old: it needs WebAssembly and ES modules.",
    );
  } else if (reason instanceof WebAssembly.RuntimeError) {
    tell("The app stopped", "It met a fault of its own. An open policy edit is kept in this tab; reload to go on.");
  }
}

// Capturing, because a script that fails to load does not bubble.
addEventListener(
  "error",
  (event) => {
    if (event.error || event.target instanceof HTMLScriptElement) {
      stopped(event.error);
    }
  },
  true,
);
addEventListener("unhandledrejection", (event) => stopped(event.reason));
