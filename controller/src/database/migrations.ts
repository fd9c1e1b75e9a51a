// All migrations, in order. Each is written by hand, serves every database, and is never changed once released.
import { Access1764000000001 } from "./migrations/0001-access.js";
import { Hosts1764000000002 } from "./migrations/0002-hosts.js";
import { Images1764000000003 } from "./migrations/0003-images.js";
import { Jobs1764000000004 } from "./migrations/0004-jobs.js";
import { Vms1764000000005 } from "./migrations/0005-vms.js";
import { Restores1764000000006 } from "./migrations/0006-restores.js";
import { Grants1764000000007 } from "./migrations/0007-grants.js";
import { Audit1764000000008 } from "./migrations/0008-audit.js";
import { SignIn1764000000009 } from "./migrations/0009-sign-in.js";
import { Oidc1764000000010 } from "./migrations/0010-oidc.js";
import { Secrets1764000000011 } from "./migrations/0011-secrets.js";
import { Lists1764000000012 } from "./migrations/0012-lists.js";
import { AuditAnchor1764000000013 } from "./migrations/0013-audit-anchor.js";
import { ImageTexts1764000000014 } from "./migrations/0014-image-texts.js";

export const migrations = [
  Access1764000000001,
  Hosts1764000000002,
  Images1764000000003,
  Jobs1764000000004,
  Vms1764000000005,
  Restores1764000000006,
  Grants1764000000007,
  Audit1764000000008,
  SignIn1764000000009,
  Oidc1764000000010,
  Secrets1764000000011,
  Lists1764000000012,
  AuditAnchor1764000000013,
  ImageTexts1764000000014,
];
