// A Worker that passes requests on to its container and does nothing else:
// what the gateway is measured against.

import { DurableObject } from "cloudflare:workers";

const PORT = 18789;

export class Bare extends DurableObject {
  fetch(request) {
    if (!this.ctx.container.running) this.ctx.container.start({ enableInternet: false });
    return this.ctx.container.getTcpPort(PORT).fetch(request);
  }
}

export default {
  fetch(request, env) {
    return env.BARE.get(env.BARE.idFromName("bare")).fetch(request);
  },
};
