// Signing in by OpenID Connect: the provider says who somebody is and in which groups, we say what they may. The flow is the authorization code with PKCE, state and
// nonce; a user is known by the provider's own id of them and never by a name, which the provider may give to another.
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { userName } from "@convirt/contract/session";
import { Inject, Injectable, Logger } from "@nestjs/common";
import * as oidc from "openid-client";
import { apiPrefix } from "../config/api.js";
import { CONFIG, type Config } from "../config/config.js";
import { Refusal } from "../errors/refusal.js";
import type { UserEntity } from "./user.entity.js";
import { UsersService } from "./users.service.js";

interface Begun {
  state: string;
  nonce: string;
  verifier: string;
  untilMs: number;
}

export const beganMs = 10 * 60_000;
const mostBegun = 1_000;
const askLimitS = 10;
const mostGroups = 50;

@Injectable()
export class OidcService {
  private readonly log = new Logger("auth");
  private provider: Promise<oidc.Configuration> | undefined;
  /** Sign-ins that were sent to the provider and have not come back, by what the browser's cookie holds. */
  private readonly begun = new Map<string, Begun>();

  constructor(
    private readonly users: UsersService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** What its button says; undefined when there is no provider. */
  get name(): string | undefined {
    return this.config.oidc.issuer === "" ? undefined : this.config.oidc.name;
  }

  /** Where the browser is sent, and what its cookie keeps. Throws Refusal not_found without a provider, oidc_failed when it does not answer. */
  async begin(): Promise<{ url: string; id: string }> {
    const provider = await this.discovered();
    const [oldest] = this.begun.keys();
    if (this.begun.size >= mostBegun && oldest !== undefined) this.begun.delete(oldest);
    const verifier = oidc.randomPKCECodeVerifier();
    const begun = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier,
      untilMs: performance.now() + beganMs,
    };
    const id = randomBytes(32).toString("base64url");
    this.begun.set(id, begun);
    const url = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: this.callback,
      scope: this.config.oidc.scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...{ state: begun.state, nonce: begun.nonce },
    });
    return { url: url.href, id };
  }

  /** Who came back. Throws Refusal oidc_failed. */
  async finish(id: string | undefined, query: string): Promise<UserEntity> {
    const begun = this.begun.get(id ?? "");
    this.begun.delete(id ?? "");
    if (begun === undefined || begun.untilMs < performance.now())
      throw new Refusal("oidc_failed", "Cannot sign in: this browser began no sign-in in the last ten minutes");
    const provider = await this.discovered();
    const claims = await this.claims(provider, new URL(`${this.callback}${query}`), begun).catch((error: unknown) => {
      this.log.warn({ msg: "the provider's answer was not taken", err: error });
      throw new Refusal(
        "oidc_failed",
        `Cannot sign in: what ${this.config.oidc.name} answered is not good; the log has why`,
      );
    });
    return await this.user(claims);
  }

  private async claims(provider: oidc.Configuration, url: URL, begun: Begun): Promise<Record<string, unknown>> {
    const tokens = await oidc.authorizationCodeGrant(provider, url, {
      ...{ pkceCodeVerifier: begun.verifier, expectedState: begun.state, expectedNonce: begun.nonce },
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error("there is no ID token");
    const hasAll = provider.serverMetadata().userinfo_endpoint === undefined;
    const more = hasAll ? {} : await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub);
    return { ...more, ...claims };
  }

  private async user(claims: Record<string, unknown>): Promise<UserEntity> {
    const { username_claim, groups_claim } = this.config.oidc;
    const named = userName.safeParse(String(claims[username_claim] ?? "").toLowerCase());
    if (!named.success)
      throw new Refusal("oidc_failed", `Cannot sign in: the claim ${username_claim} is no name for a user here`);
    const subject = createHash("sha256")
      .update(`${this.config.oidc.issuer}\n${String(claims["sub"])}`)
      .digest("hex");
    const given = claims[groups_claim];
    const groups = Array.isArray(given)
      ? given.filter((one): one is string => typeof one === "string" && one.length <= 63).slice(0, mostGroups)
      : undefined;
    return await this.users.fromProvider({ subject, username: named.data, groups });
  }

  private get callback(): string {
    return `${this.config.oidc.public_url.replace(/\/$/, "")}${apiPrefix}/session/oidc/callback`;
  }

  /** Asked again when it did not answer: a provider may be down while we start. */
  private async discovered(): Promise<oidc.Configuration> {
    const { issuer, name } = this.config.oidc;
    if (issuer === "") throw new Refusal("not_found", "There is no provider to sign in by: oidc.issuer is not set");
    this.provider ??= this.discover().catch((error: unknown) => {
      this.provider = undefined;
      this.log.error({ msg: "the provider cannot be asked", issuer, err: error });
      throw new Refusal("oidc_failed", `Cannot sign in: ${name} cannot be asked; the log has why`);
    });
    return await this.provider;
  }

  private async discover(): Promise<oidc.Configuration> {
    const { issuer, client_id, client_secret_file } = this.config.oidc;
    const secret = (await readFile(client_secret_file, "utf8")).trim();
    return await oidc.discovery(new URL(issuer), client_id, secret, undefined, {
      timeout: askLimitS,
      // The settings allow plain HTTP to this machine alone.
      ...(issuer.startsWith("http:") ? { execute: [oidc.allowInsecureRequests] } : {}),
    });
  }
}
