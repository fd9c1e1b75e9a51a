// Told whenever somebody may do less or more than before: a grant, a tag, a group, a token, a session or a user was given or taken. Whoever holds something open on
// the strength of what was true at its beginning looks again then.
import { Injectable } from "@nestjs/common";

@Injectable()
export class AccessChangesService {
  private readonly watchers = new Set<() => void>();

  /** To be called when the change is stored. */
  changed(): void {
    for (const watcher of this.watchers) watcher();
  }

  watch(watcher: () => void): void {
    this.watchers.add(watcher);
  }
}
