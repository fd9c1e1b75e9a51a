import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { In, Repository } from "typeorm";
// biome-ignore lint/style/noRestrictedImports: the shape is made for this room.
import type { VersionNamers } from "../images/image-users.js";
import { JobEntity } from "./job.entity.js";

/** Which versions of images jobs name. */
@Injectable()
export class ImageJobs implements VersionNamers {
  constructor(@InjectRepository(JobEntity) private readonly jobs: Repository<JobEntity>) {}

  async namedVersions(image: string, among: readonly string[]): Promise<string[]> {
    const rows = await this.jobs
      .createQueryBuilder("job")
      .select("DISTINCT job.imageVersion", "version")
      .where({ image, imageVersion: In(among) })
      .getRawMany<{ version: string }>();
    return rows.map(({ version }) => version);
  }
}
