/** Mappings that several threads hold together: from a mapping to a handle that can be posted, and back. */
import { randomUUID } from 'node:crypto'
import { attach } from '#binding'
import type { ViewMode } from './enums.ts'
import { MmapIoError, settle } from './errors.ts'
import { wrongType } from './misuse.ts'
import { type About, type Opened, withViews } from './open.ts'
import { chooseView } from './views/mode.ts'

/** What stands for a mapping in a message to another thread of this process. */
export interface MappingHandle {
  readonly kind: 'mmap-io/handle'
  /** Not to be guessed: whoever has it can attach. */
  readonly id: string
}

const KIND = 'mmap-io/handle'

export function shareMapping({ native, path, mode, flushPolicy, reachesFile }: Opened): MappingHandle {
  const about: About = { path, mode, flushPolicy, reachesFile }
  const id = settle(native.share(randomUUID(), JSON.stringify(about)), null)
  return Object.freeze({ kind: KIND, id })
}

export function attachMapping(handle: MappingHandle, view: 'auto' | ViewMode): Opened {
  const native = settle(attach(checkHandle(handle)), null)
  try {
    if (native.isPrivate && chooseView(view, native.capacity) === 'wasm') {
      throw new MmapIoError('Unsupported', "Private bytes cannot be shown in view mode 'wasm' as well; attach with view 'copy'")
    }
    return { ...withViews(JSON.parse(native.about ?? '{}') as About, view, native), isFirst: false }
  } catch (error) {
    native.close()
    throw error
  }
}

function checkHandle(handle: unknown): string {
  const { kind, id } = (typeof handle === 'object' && handle !== null ? handle : {}) as Partial<MappingHandle>
  if (kind !== KIND || typeof id !== 'string') throw wrongType('handle', 'what share() returned, in this process', handle)
  return id
}
