import { Module } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AccessModule } from "../access/access.module.js";
import { AuthController } from "./auth.controller.js";
import { AuthGuard } from "./auth.guard.js";
import { AuthService } from "./auth.service.js";
import { OidcController } from "./oidc.controller.js";
import { OidcService } from "./oidc.service.js";
import { SecondFactorService } from "./second-factor.service.js";
import { SessionController } from "./session.controller.js";
import { SessionsService } from "./sessions.service.js";
import { TokensService } from "./tokens.service.js";
import { SessionEntity, TokenEntity, UserEntity } from "./user.entity.js";
import { UsersService } from "./users.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([UserEntity, SessionEntity, TokenEntity]), AccessModule],
  controllers: [AuthController, OidcController, SessionController],
  providers: [
    AuthService,
    UsersService,
    TokensService,
    SessionsService,
    SecondFactorService,
    OidcService,
    { provide: APP_GUARD, useClass: AuthGuard },
  ],
  exports: [AuthService, UsersService, TokensService],
})
export class AuthModule {}
