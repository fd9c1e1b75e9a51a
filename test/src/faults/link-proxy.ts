// A bad network between a controller and an agent: a TCP proxy that can delay what passes, cut a connection in the middle of a message, refuse new ones, and swallow
// everything while both ends believe themselves connected.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export type Weather =
  | { kind: "fair" }
  /** Every piece waits this long, in order. */
  | { kind: "slow"; delayMs: number }
  /** Each connection ends after so many more bytes, in either direction, wherever in a message that is. */
  | { kind: "cutting"; afterBytes: number }
  /** Connections that are there end, new ones are refused. */
  | { kind: "refusing" }
  /** Nothing passes, and nobody is told. */
  | { kind: "black hole" };

interface Pair {
  near: Socket;
  far: Socket;
  lanes: Lane[];
  /** Bytes until it is cut. */
  left: number;
}

export class LinkProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #weather: Weather = { kind: "fair" };
  port = 0;
  cuts = 0;
  refusals = 0;
  /** Connections that an end of its own gave up while nothing passed. */
  readonly givenUp: { by: "controller" | "agent"; at: number }[] = [];

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async to(target: number): Promise<LinkProxy> {
    const proxy = new LinkProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    if (weather.kind === "cutting") for (const pair of this.#pairs) pair.left = weather.afterBytes;
    if (weather.kind === "refusing") for (const pair of [...this.#pairs]) this.#cut(pair);
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async close(): Promise<void> {
    for (const pair of [...this.#pairs]) this.#cut(pair);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    if (this.#weather.kind === "refusing") {
      this.refusals += 1;
      near.destroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    const pair = {
      near,
      far,
      lanes: [new Lane(far), new Lane(near)],
      left: this.#weather.kind === "cutting" ? this.#weather.afterBytes : Number.POSITIVE_INFINITY,
    };
    this.#pairs.add(pair);
    this.#carry(pair, near, pair.lanes[0] as Lane, "controller");
    this.#carry(pair, far, pair.lanes[1] as Lane, "agent");
  }

  #carry(pair: Pair, from: Socket, lane: Lane, by: "controller" | "agent"): void {
    from.setNoDelay(true);
    from.on("data", (data: Buffer) => this.#pass(pair, lane, data));
    // What an error means to the other side is the closed connection, which follows.
    from.on("error", () => undefined);
    from.on("close", () => {
      if (this.#weather.kind === "black hole") {
        if (this.#pairs.has(pair)) this.givenUp.push({ by, at: performance.now() });
        return;
      }
      this.#cut(pair);
    });
  }

  #pass(pair: Pair, lane: Lane, data: Buffer): void {
    const weather = this.#weather;
    if (weather.kind === "black hole") return;
    if (data.length < pair.left) {
      pair.left -= data.length;
      lane.send(data, weather.kind === "slow" ? weather.delayMs : 0);
      return;
    }
    this.cuts += 1;
    lane.send(data.subarray(0, pair.left), 0, () => this.#cut(pair));
    pair.left = Number.POSITIVE_INFINITY;
  }

  #cut(pair: Pair): void {
    this.#pairs.delete(pair);
    for (const lane of pair.lanes) lane.close();
    pair.near.destroy();
    pair.far.destroy();
  }
}

/** One direction of a connection: pieces may be late, and never overtake one another. */
class Lane {
  readonly #to: Socket;
  readonly #waiting: { data: Buffer; dueAt: number; then: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket) {
    this.#to = to;
  }

  send(data: Buffer, delayMs: number, then: () => void = () => undefined): void {
    this.#waiting.push({ data, dueAt: performance.now() + delayMs, then });
    this.#flush();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const leftMs = first.dueAt - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), Math.ceil(leftMs));
        return;
      }
      this.#waiting.shift();
      if (!this.#to.destroyed) this.#to.write(first.data, first.then);
    }
  }
}
