// The images' part of the HTTP API. The guard has judged the role by the route table before anything here runs.
import { type Grant, may } from "@convirt/contract/access";
import type { DiagnosticView, ImageDiff, ImageSummary, ImageView } from "@convirt/contract/image";
import * as shapes from "@convirt/contract/image";
import { routes } from "@convirt/contract/routes";
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query, Req, Res } from "@nestjs/common";
import type { Request, Response } from "express";
import type { z } from "zod";
import { AccessService } from "../access/access.service.js";
import { ImageFiles } from "./files.js";
import { ImagesService, type ScanOutcome } from "./images.service.js";
import type { Author } from "./privileges.js";
import { ImageTransfer } from "./transfer.js";
import { VersionComparison } from "./version-comparison.js";

/** What the guard has put on the request. */
type Asked = Request & { identity: { username: string; grants: readonly Grant[] } };

const mediaTypes = { tar: "application/x-tar", gz: "application/gzip", zst: "application/zstd" } as const;
const endings = { tar: "tar", gz: "tar.gz", zst: "tar.zst" } as const;

@Controller("images")
export class ImagesController {
  constructor(
    private readonly images: ImagesService,
    private readonly files: ImageFiles,
    private readonly transfer: ImageTransfer,
    private readonly access: AccessService,
    private readonly comparison: VersionComparison,
  ) {}

  @Get()
  async list(
    @Query({ schema: routes.listImages.query }) query: z.output<typeof shapes.imageQuery>,
    @Req() { identity }: Asked,
  ): Promise<{ items: ImageSummary[]; total: number; page: number; perPage: number }> {
    return await this.images.list(query, identity);
  }

  @Post("scan")
  @HttpCode(200)
  async scan(): Promise<ScanOutcome> {
    return await this.images.scan();
  }

  @Post("import")
  async import(
    @Query({ schema: routes.importImage.query }) query: z.output<typeof shapes.importQuery>,
    @Req() request: Asked,
  ): Promise<ImageView> {
    const { identity } = request;
    const name = await this.transfer.import(request, {
      ...{ ...query, name: query.name },
      by: (image) => {
        this.access.require(identity, "image_author", { kind: "image", name: image });
        return author(request, image);
      },
    });
    return await this.images.show(name);
  }

  @Get(":name")
  async show(@Param("name") name: string): Promise<ImageView> {
    return await this.images.show(name);
  }

  @Post(":name/create-like")
  async createLike(
    @Param("name") name: string,
    @Body({ schema: routes.createLike.body }) body: z.output<typeof shapes.createLikeBody>,
    @Req() request: Asked,
  ): Promise<ImageView> {
    await this.files.createLike(name, body.name, author(request, body.name));
    return await this.images.show(body.name);
  }

  @Patch(":name/options")
  async editOptions(
    @Param("name") name: string,
    @Body({ schema: routes.editOptions.body }) body: z.output<typeof shapes.editOptionsBody>,
    @Req() request: Asked,
  ): Promise<ImageView> {
    const { force, imageConf, vmConf } = body;
    const edits = { ...(imageConf === undefined ? {} : { imageConf }), ...(vmConf === undefined ? {} : { vmConf }) };
    await this.files.editOptions(name, edits, force, author(request, name));
    return await this.images.show(name);
  }

  @Get(":name/files/*path")
  async readFile(
    @Param("name") name: string,
    @Param("path") path: string | string[],
  ): Promise<z.output<typeof shapes.fileView>> {
    return await this.files.read(name, joined(path));
  }

  @Put(":name/files/*path")
  async saveFile(
    @Param() { name, path }: { name: string; path: string | string[] },
    @Body({ schema: routes.saveFile.body }) body: z.output<typeof shapes.saveFileBody>,
    @Req() request: Asked,
  ): Promise<{ sha256: string; diagnostics: DiagnosticView[] }> {
    return await this.files.save(name, joined(path), { ...body, by: author(request, name) });
  }

  @Post(":name/draft")
  @HttpCode(200)
  async draft(
    @Param("name") name: string,
    @Body({ schema: routes.draftImage.body }) body: z.output<typeof shapes.draftBody>,
  ): Promise<shapes.DraftReply> {
    return await this.files.draft(name, body);
  }

  @Get(":name/versions/:before/diff/:after")
  async diff(@Param() { name, before, after }: { name: string; before: string; after: string }): Promise<ImageDiff> {
    return await this.comparison.between(name, before, after);
  }

  @Get(":name/export")
  async export(
    @Param("name") name: string,
    @Query({ schema: routes.exportImage.query }) { format }: z.output<typeof shapes.exportQuery>,
    @Req() request: Asked,
    @Res() response: Response,
  ): Promise<void> {
    const write = await this.transfer.export(name, format, who(request));
    response.setHeader("content-type", mediaTypes[format]);
    response.setHeader("content-disposition", `attachment; filename="${name}.${endings[format]}"`);
    await write(response).catch((error: unknown) => {
      // The status is out; what is left is to break the connection off, so that nobody takes a part for the whole.
      response.destroy();
      if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    });
  }

  @Delete(":name")
  async remove(
    @Param("name") name: string,
    @Query({ schema: routes.removeImage.query }) { force }: z.output<typeof shapes.removeImageQuery>,
    @Req() request: Asked,
  ): Promise<{ ok: true }> {
    await this.files.remove(name, force, who(request));
    return { ok: true };
  }
}

/** Who writes the image, and whether they may let it reach into hosts. */
function author({ identity }: Asked, image: string): Author {
  return {
    username: identity.username,
    mayReachHosts: may(identity.grants, "raw_config", { kind: "image", name: image }),
  };
}

function who(request: Asked): string {
  return request.identity.username;
}

/** Express gives a path's remaining segments one by one. A segment that decodes to a slash is none of ours, and is refused as a path. */
function joined(path: string | string[]): string {
  return Array.isArray(path) ? path.map((segment) => segment.replaceAll("/", "\\")).join("/") : path;
}
