import { Global, Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
// biome-ignore lint/style/noRestrictedImports: the token is made for this room.
import { IMAGE_JOBS } from "../images/image-users.js";
import { ImageJobs } from "./image-jobs.js";
import { JobEntity } from "./job.entity.js";

/** Global for IMAGE_JOBS alone, and apart from the room's own module, which imports that of images. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([JobEntity])],
  providers: [ImageJobs, { provide: IMAGE_JOBS, useExisting: ImageJobs }],
  exports: [IMAGE_JOBS],
})
export class ImageJobsModule {}
