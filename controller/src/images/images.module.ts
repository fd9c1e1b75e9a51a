import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AccessModule } from "../access/access.module.js";
import { ImageFiles } from "./files.js";
import { StoredHashes } from "./hash-memory.js";
import { ImageFileHashEntity, ImageTextEntity, ImageVersionEntity, ImageVersionFileEntity } from "./image.entity.js";
import { ImagesController } from "./images.controller.js";
import { ImagesService } from "./images.service.js";
import { ImageTransfer } from "./transfer.js";
import { VersionComparison } from "./version-comparison.js";
import { VersionHistory } from "./version-history.js";

const entities = [ImageVersionEntity, ImageVersionFileEntity, ImageTextEntity, ImageFileHashEntity];

@Module({
  imports: [AccessModule, TypeOrmModule.forFeature(entities)],
  controllers: [ImagesController],
  providers: [StoredHashes, VersionHistory, ImagesService, ImageFiles, ImageTransfer, VersionComparison],
  exports: [ImagesService],
})
export class ImagesModule {}
