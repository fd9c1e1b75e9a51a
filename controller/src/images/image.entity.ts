// What the controller remembers of the store: which versions of an image it has seen, and the hashes of files that it has read. The images
// themselves are the folders; losing these two tables costs a history and one reading of the files.
import { Column, Entity, PrimaryColumn } from "typeorm";

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
