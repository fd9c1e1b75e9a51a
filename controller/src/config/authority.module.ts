import { type DynamicModule, Global, Module } from "@nestjs/common";
import { Authority } from "./authority.js";

/** Hands the authority, opened before Nest starts, to whoever asks for it. */
@Global()
@Module({})
export class AuthorityModule {
  static of(authority: Authority): DynamicModule {
    return { module: AuthorityModule, providers: [{ provide: Authority, useValue: authority }], exports: [Authority] };
  }
}
