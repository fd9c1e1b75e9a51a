// What the controller remembers of the store: which versions of an image it has seen and what they held, and the hashes of files that it has
// read. The images themselves are the folders; losing these tables costs a history and one reading of the files.
import { Column, Entity, Index, PrimaryColumn } from "typeorm";

/** A state of an image's tree, by its digest. */
@Entity("image_versions")
export class ImageVersionEntity {
  @PrimaryColumn({ type: "varchar", length: 64 })
  image!: string;

  @PrimaryColumn({ type: "varchar", length: 64 })
  version!: string;

  /** ISO text, UTC. */
  @Column({ type: "varchar", length: 24, name: "seen_at" })
  seenAt!: string;

  @Column({ type: "integer" })
  files!: number;

  /** Text, since a tree may be larger than a column of every database counts. */
  @Column({ type: "varchar", length: 20 })
  bytes!: string;
}

/** Whether a file's text is kept, or why it is not: it is no text, holds the value of a secret option, is larger than is kept, or beyond what is kept of one version. */
export type Kept = "text" | "binary" | "secret" | "too_large" | "beyond_limit";

/** A file of a version. A version has all of its files here or, when it was first seen by a release of before, none. */
@Entity("image_version_files")
export class ImageVersionFileEntity {
  @PrimaryColumn({ type: "varchar", length: 64 })
  image!: string;

  @PrimaryColumn({ type: "varchar", length: 64 })
  version!: string;

  /** Within the image. */
  @PrimaryColumn({ type: "varchar", length: 1024 })
  path!: string;

  /** 0o755 or 0o644. */
  @Column({ type: "integer" })
  mode!: number;

  @Column({ type: "varchar", length: 20 })
  bytes!: string;

  @Index("ix_image_version_files_sha256")
  @Column({ type: "varchar", length: 64 })
  sha256!: string;

  @Column({ type: "varchar", length: 16 })
  kept!: Kept;
}

/** A text that at least one version holds, once for all versions of all images. */
@Entity("image_texts")
export class ImageTextEntity {
  @PrimaryColumn({ type: "varchar", length: 64 })
  sha256!: string;

  @Column({ type: "text" })
  text!: string;
}

/** The hashes of one file, true as long as its stamp is the same. */
@Entity("image_file_hashes")
export class ImageFileHashEntity {
  /** Absolute. */
  @PrimaryColumn({ type: "varchar", length: 1400 })
  path!: string;

  /** size, mtime, ctime (nanoseconds) and inode, joined by `:`. */
  @Column({ type: "varchar", length: 100 })
  stamp!: string;

  @Column({ type: "varchar", length: 64 })
  sha256!: string;

  /** Base64 of the chunks' hashes, joined. */
  @Column({ type: "text", name: "chunk_hashes" })
  chunkHashes!: string;
}
