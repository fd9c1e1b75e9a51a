import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { AgentsService } from "./agents.service.js";
import { TestAgent } from "./testing.js";

let controller: TestController;
let proxy: BlackHole;
let agent: TestAgent | undefined;

beforeEach(async () => {
  controller = await TestController.start();
  proxy = await BlackHole.open();
});
afterEach(async () => {
  await controller.end();
  agent?.kill();
  await proxy.close();
});

test("a link whose packets vanish is found out within 45 s, and mended although its old connections never end", async () => {
  const token = await controller.tokenFor("admin");
  const { body } = await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" } });
  agent = await TestAgent.enrol(body.invitation, { announce: proxy.port });
  proxy.target = agent.port;
  const agents = controller.get(AgentsService);
  const { hostId } = agent;
  await agents.untilContact(hostId, AbortSignal.timeout(30_000));
  const host = async () => (await controller.call("GET", "/hosts/xen1", { token })).body;
  expect((await host()).silentSince).toBeNull();

  proxy.swallow();
  const from = performance.now();
  const lost = agents.contactLost(hostId);
  await new Promise<void>((resolve) => lost.addEventListener("abort", () => resolve(), { once: true }));
  expect(performance.now() - from).toBeLessThan(45_000);
  const silent = await host();
  expect(silent).toMatchObject({ contact: "silent", silentSince: silent.lastContactAt });
  expect((await controller.call("GET", "/hosts", { token })).body.total).toBe(1);

  // A try is under way on a connection that was taken and is never answered; then the way is free, for new ones alone.
  await vi.waitFor(() => expect(proxy.swallowed).toBeGreaterThan(1), 30_000);
  proxy.letNewOnesThrough();
  await agents.untilContact(hostId, AbortSignal.timeout(60_000));
  expect(agents.contacts).toEqual({ regained: 2, lost: 1 });
}, 150_000);

/** Between the controller and an agent. What it swallows is neither answered nor closed, as by a router that has forgotten a connection. */
class BlackHole {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #lost = new Set<Socket>();
  #swallowing = false;
  target = 0;
  /** Connections whose bytes have vanished. */
  get swallowed(): number {
    return this.#lost.size;
  }

  private constructor() {
    this.#server = createServer((near) => this.#join(near));
  }

  static async open(): Promise<BlackHole> {
    const hole = new BlackHole();
    await new Promise<void>((resolve) => hole.#server.listen(0, "127.0.0.1", resolve));
    return hole;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  swallow(): void {
    this.#swallowing = true;
    for (const socket of this.#sockets) this.#lost.add(socket);
  }

  letNewOnesThrough(): void {
    this.#swallowing = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    const far = connect(this.target, "127.0.0.1");
    const sides = [near, far] as const;
    for (const [index, socket] of sides.entries()) {
      const other = sides[1 - index] as Socket;
      this.#sockets.add(socket);
      if (this.#swallowing) this.#lost.add(socket);
      socket.on("error", () => undefined);
      socket.on("data", (data: Buffer) => {
        if (!this.#lost.has(socket)) other.write(data);
      });
      socket.on("close", () => {
        this.#sockets.delete(socket);
        if (!this.#lost.has(socket)) other.destroy();
      });
    }
  }
}
