// The container's door from outside a container: what a lone gateway's tests and
// benchmarks send their model calls through. See xtask/src/lone_gateway.rs.
//
//   /gateway/PATH  http://models.internal/PATH of the gateway
//   /browser/PATH  http://browser.internal/PATH of the gateway
//   /bare/PATH     the same through a Worker that passes everything on

export default {
  fetch(request, env) {
    const url = new URL(request.url);
    const [, side, ...path] = url.pathname.split("/");
    const target = side === "bare" ? env.BARE : env.GATEWAY;
    const host = side === "browser" ? "browser.internal" : "models.internal";
    const inner = `http://${host}/${path.join("/")}${url.search}`;
    return target.fetch(new Request(inner, request), { redirect: "manual" });
  },
};
