// A Durable Object that does with its container what a gateway does.
import { DurableObject } from "cloudflare:workers";

export class Box extends DurableObject {
  exit = null;

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const container = this.ctx.container;
    switch (pathname) {
      case "/start":
        await container.interceptOutboundHttp("models.internal", this.env.SELF);
        if (!container.running) {
          container.start({ enableInternet: false, env: { GREETING: "from the object" } });
        }
        this.exit = container.monitor().then(
          () => "0",
          (error) => String(error),
        );
        return new Response("started");
      case "/intercept-late":
        await container.interceptOutboundHttp("governance.internal", this.env.SELF);
        return new Response("intercepted");
      case "/running":
        return new Response(String(container.running));
      case "/exec": {
        const program = await container.exec(JSON.parse(searchParams.get("argv")), {
          stdin: "pipe",
          stderr: "pipe",
          env: { EXTRA: "yes" },
        });
        const writer = program.stdin.getWriter();
        await writer.write(new TextEncoder().encode("typed"));
        await writer.close();
        const { stdout, stderr, exitCode } = await program.output();
        const text = (bytes) => new TextDecoder().decode(bytes);
        return Response.json({ stdout: text(stdout), stderr: text(stderr), exitCode });
      }
      case "/signal":
        container.signal(Number(searchParams.get("number")));
        return new Response("sent");
      case "/exit":
        return new Response(await this.exit);
      case "/destroy":
        await container.destroy();
        return new Response("destroyed");
      default:
        return container.getTcpPort(8080).fetch(`http://container${pathname}`, request);
    }
  }
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (ctx.props?.door === "container") {
      return Response.json({ door: "container", url: request.url, body: await request.text() });
    }
    if (url.hostname.endsWith(".internal")) {
      return new Response("misdirected", { status: 421 });
    }
    if (url.pathname === "/direct") {
      return fetch(`http://127.0.0.1:${env.DIRECT_PORT}/time`);
    }
    const name = url.searchParams.get("box") ?? "a";
    return env.BOX.get(env.BOX.idFromName(name)).fetch(request);
  },
};
