// A real dom0: Xen and Debian under QEMU's software emulation, spoken to by ssh, and to the machine itself by QEMU's monitor. The disk is a throw-away layer over
// the image. QEMU and ssh are told to die with the process that started them, however that ends.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const bootLimitMs = 15 * 60_000;
const commandLimitMs = 4 * 60_000;

export interface Dom0Places {
  /** Holds what this run writes: disks, sockets, logs. */
  folder: string;
  /** Holds the image that test/xen/image/build.sh made. */
  image: string;
  sshPort: number;
}

export interface Said {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class Dom0 {
  readonly places: Dom0Places;

  constructor(places: Dom0Places) {
    this.places = places;
  }

  /** Starts the machine; `forwards` are [port here, port in dom0]. Returns its process; `untilUp` waits for it. */
  power(forwards: readonly (readonly [number, number])[]): ChildProcess {
    const { folder, image, sshPort } = this.places;
    const disk = join(folder, "dom0.qcow2");
    run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", join(image, "dom0.raw"), "-F", "raw", disk]);
    writeFileSync(join(folder, "data.raw"), "");
    truncateSync(join(folder, "data.raw"), 1024 ** 3);
    const ports = [[sshPort, 22] as const, ...forwards];
    const net = ports.map(([here, there]) => `hostfwd=tcp:127.0.0.1:${here}-10.0.2.15:${there}`).join(",");
    return this.#start("qemu", [
      "qemu-system-x86_64",
      ...["-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-smp", "2", "-m", "3072"],
      // With smap a PV dom0 dies at its first instructions under this emulation, with rdtscp a PVH or HVM guest does, and with the wide registers of xsave any program
      // of dom0 now and then.
      ...["-cpu", "max,-smap,-rdtscp,-xsave", "-display", "none", "-vga", "none", "-nodefaults"],
      ...["-kernel", join(image, "xen"), "-append", xenArguments],
      ...["-initrd", `${join(image, "vmlinuz")} ${linuxArguments},${join(image, "initrd")}`],
      ...["-serial", `file:${join(folder, "serial.log")}`],
      ...["-monitor", `unix:${join(folder, "monitor")},server=on,wait=off`],
      ...["-drive", `file=${disk},if=virtio,format=qcow2,cache=unsafe,discard=unmap`],
      ...["-drive", `file=${join(folder, "data.raw")},if=virtio,format=raw,cache=unsafe,discard=unmap`],
      ...["-netdev", `user,id=n0,${net}`, "-device", "virtio-net-pci,id=card,netdev=n0,mac=52:54:00:0a:00:15"],
      ...["-device", "virtio-rng-pci"],
    ]);
  }

  /** Waits until dom0 answers and its services have settled; then commands share one connection. */
  async untilUp(machine?: ChildProcess): Promise<void> {
    const until = Date.now() + bootLimitMs;
    for (;;) {
      if (machine !== undefined && machine.exitCode !== null)
        throw new Error(`QEMU ended with ${machine.exitCode}: ${this.lastWords()}`);
      const master = this.#start("ssh", ["ssh", "-M", "-N", ...this.#sshWords(), "root@127.0.0.1"]);
      const ended = once(master, "exit");
      while (master.exitCode === null && !this.#isConnected()) await Promise.race([ended, delay(500)]);
      if (master.exitCode === null) break;
      if (Date.now() > until) throw new Error(`dom0 is not up after ${bootLimitMs / 60_000} min: ${this.lastWords()}`);
      await delay(2_000);
    }
    await this.run("systemctl is-system-running --wait", { limitMs: bootLimitMs });
  }

  #isConnected(): boolean {
    return spawnSync("ssh", ["-O", "check", ...this.#sshWords(), "root@127.0.0.1"], { stdio: "ignore" }).status === 0;
  }

  lastWords(): string {
    return readFileSync(join(this.places.folder, "serial.log"), "latin1").slice(-2_000);
  }

  #sshWords(): string[] {
    const { folder, image, sshPort } = this.places;
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=60"];
    return [
      ...["-i", join(image, "key"), "-p", String(sshPort), "-S", join(folder, "ssh")],
      ...options.flatMap((option) => ["-o", option]),
    ];
  }

  #start(name: string, words: string[]): ChildProcess {
    const log = openSync(join(this.places.folder, `${name}.log`), "a");
    try {
      return spawn("setpriv", ["--pdeathsig", "KILL", "--", ...words], { stdio: ["ignore", log, log] });
    } finally {
      closeSync(log);
    }
  }

  /** A line of shell in dom0, as root. Never throws for what the line says; see `must`. */
  async run(line: string, options: { input?: string | Buffer; limitMs?: number } = {}): Promise<Said> {
    const words = [...this.#sshWords(), "root@127.0.0.1", line];
    const child = spawn("ssh", words, { stdio: ["pipe", "pipe", "pipe"], timeout: options.limitMs ?? commandLimitMs });
    const said: Said = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      said.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said.stderr += chunk.toString();
    });
    child.stdin.end(options.input ?? "");
    const [code] = (await once(child, "close")) as [number | null];
    return { ...said, code };
  }

  /** What the line prints; throws unless it ends with 0. */
  async must(line: string, options: { input?: string | Buffer; limitMs?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(line, options);
    if (code !== 0) throw new Error(`In dom0, \`${line}\` ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** A command for the machine itself, in QEMU's words. */
  async monitor(command: string): Promise<void> {
    const socket = connect(join(this.places.folder, "monitor"));
    await once(socket, "connect");
    let said = "";
    socket.on("data", (chunk) => {
      said += chunk.toString();
    });
    socket.write(`${command}\n`);
    const until = Date.now() + 30_000;
    while (said.split("(qemu)").length < 3 && !socket.destroyed) {
      if (Date.now() > until) throw new Error(`QEMU's monitor did not answer \`${command}\`: ${said}`);
      await delay(50);
    }
    socket.destroy();
  }
}

const xenArguments = [
  "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M dom0_max_vcpus=2",
  // What costs most under emulation, and protects nobody here.
  "spec-ctrl=no xpti=no bootscrub=no noreboot",
].join(" ");
const linuxArguments =
  "root=/dev/vda console=hvc0 quiet systemd.show_status=0 panic=5 mitigations=off net.ifnames=0 fsck.mode=skip";

export function run(program: string, words: string[]): string {
  const done = spawnSync(program, words, { encoding: "utf8" });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${done.status}: ${done.stderr}`);
  return done.stdout;
}
