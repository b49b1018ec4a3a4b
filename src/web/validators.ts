/** What lets a client ask whether its copy is still good. */
import type { Mapping } from '#binding'
import { MmapMode } from '../enums.ts'
import { settle } from '../errors.ts'
import type { Status } from '../status.ts'

export interface Validators {
  readonly etag?: string
  readonly modified?: Date
}

/**
 * The state of the file as it is now. Strong for a read-only mapping. Weak for a read-write one: stores into its views change bytes
 * before they change the file's time, if they ever do; counted writes change it at once. None for bytes that are no file's.
 */
export function validators(native: Mapping, status: Status, mode: MmapMode, path: string | null): Validators {
  if (mode === MmapMode.CopyOnWrite) return {}
  const version = settle(native.version(), path)
  if (!version) return {}
  const { tag, modified } = version
  const etag = mode === MmapMode.ReadOnly ? `"${tag}"` : `W/"${tag}-${status.written.toString(16)}"`
  return { etag, modified: new Date(modified) }
}
