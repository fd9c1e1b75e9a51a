import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AccessModule } from "../access/access.module.js";
import { ImageFiles } from "./files.js";
import { StoredHashes } from "./hash-memory.js";
import { ImageFileHashEntity, ImageVersionEntity } from "./image.entity.js";
import { ImagesController } from "./images.controller.js";
import { ImagesService } from "./images.service.js";
import { ImageTransfer } from "./transfer.js";

@Module({
  imports: [AccessModule, TypeOrmModule.forFeature([ImageVersionEntity, ImageFileHashEntity])],
  controllers: [ImagesController],
  providers: [StoredHashes, ImagesService, ImageFiles, ImageTransfer],
  exports: [ImagesService],
})
export class ImagesModule {}
