// What a person would otherwise use, on this same machine and in the same run: an ssh server of our own on a free port of the loopback (for ssh, scp and
// rsync), and an HTTPS server for curl. Everything lives in one folder and ends with stop().
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@convirt/demo/installation";
import type { Place } from "./place.js";

const longestStartMs = 10_000;

export class SshServer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly port: number;

  private constructor(process: ChildProcess, folder: string, port: number) {
    this.#process = process;
    this.#folder = folder;
    this.port = port;
  }

  /** One in the place's folder; the place ends with it when it cannot be had. */
  static async beside(place: Pick<Place, "folder" | "stop">): Promise<SshServer> {
    try {
      return await SshServer.start(join(place.folder, "ssh"));
    } catch (error) {
      await place.stop();
      throw error;
    }
  }

  /** Starts sshd with keys of its own. Throws when this machine has none (`apt-get install openssh-server`). */
  static async start(folder: string): Promise<SshServer> {
    if (!existsSync("/usr/sbin/sshd"))
      throw new Error("Cannot measure ssh: /usr/sbin/sshd is not there. apt-get install openssh-server");
    mkdirSync(folder, { recursive: true });
    mkdirSync("/run/sshd", { recursive: true });
    for (const name of ["host", "user"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    }
    execFileSync("cp", [join(folder, "user.pub"), join(folder, "authorized")]);
    const port = await freePort(0);
    const config = join(folder, "sshd_config");
    writeFileSync(
      config,
      [
        `Port ${port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${join(folder, "host")}`,
        `AuthorizedKeysFile ${join(folder, "authorized")}`,
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        `PidFile ${join(folder, "pid")}`,
        "Subsystem sftp internal-sftp",
        "MaxStartups 100",
        "",
      ].join("\n"),
    );
    const process = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: "ignore" });
    await reachable(port);
    return new SshServer(process, folder, port);
  }

  /** Options that ssh, scp and rsync's `-e` share; `shared` keeps one warm connection. */
  options(shared = false): string[] {
    const quiet = [
      "-F",
      "none",
      "-i",
      join(this.#folder, "user"),
      "-o",
      "StrictHostKeyChecking=no",
      "-o",
      "UserKnownHostsFile=/dev/null",
      "-o",
      "LogLevel=ERROR",
    ];
    return shared
      ? [
          ...quiet,
          "-o",
          "ControlMaster=auto",
          "-o",
          `ControlPath=${join(this.#folder, "mux")}`,
          "-o",
          "ControlPersist=60",
        ]
      : quiet;
  }

  stop(): void {
    this.#process.kill("SIGTERM");
  }
}

/** An HTTPS server that gives one file to whoever asks, as curl's other end. */
export async function serveFile(
  path: string,
  key: string,
  certificate: string,
): Promise<{ url: string; server: Server }> {
  const server = createServer({ key, cert: certificate }, (_request, response) => {
    createReadStream(path, { highWaterMark: 1024 * 1024 }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

async function reachable(port: number): Promise<void> {
  const until = performance.now() + longestStartMs;
  for (;;) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      }).once("error", () => resolve(false));
    });
    if (answered) return;
    if (performance.now() > until) throw new Error(`Nothing answers on port ${port} after ${longestStartMs} ms`);
    await delay(20);
  }
}
