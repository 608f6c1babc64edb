// A Worker that passes model calls on and does nothing else: what the gateway is
// measured against.

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return fetch(new Request(`${env.UPSTREAM}${pathname}`, request));
  },
};
