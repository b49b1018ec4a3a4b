/** From a path or a descriptor and checked options to an open native mapping. */
import type { PathLike } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Mapping } from '#binding'
import { anonymous, open, openFd, openFdSync, openSync } from '#binding'
import { type FlushPolicy, MmapMode, type ViewMode } from './enums.ts'
import { settle } from './errors.ts'
import { flushInterval } from './flush-policy.ts'
import type { Request } from './options.ts'
import { checkFd } from './options.ts'
import { toPath } from './path.ts'
import { chooseView } from './views/mode.ts'

/** What is so for every mapping object that holds the same file. */
export interface About {
  readonly path: string | null
  readonly mode: MmapMode
  readonly flushPolicy: FlushPolicy
  /** Whether what is stored reaches a file, and is counted until it is flushed. */
  readonly reachesFile: boolean
}

/** What a mapping object is made of. */
export interface Opened extends About {
  readonly native: Mapping
  readonly viewMode: ViewMode
}

// The view mode comes first: a mode that cannot be had must not leave a created file behind.
const describe = (request: Request, path: string | null): Omit<Opened, 'native'> => ({
  path,
  mode: request.native.mode,
  viewMode: chooseView(request.view),
  flushPolicy: request.flushPolicy,
  reachesFile: request.native.mode === MmapMode.ReadWrite,
})

function finish(described: Omit<Opened, 'native'>, native: Mapping): Opened {
  const interval = flushInterval(described.flushPolicy)
  if (interval !== undefined) settle(native.flushEvery(interval), described.path)
  return { ...described, native }
}

export async function openPath(path: PathLike, check: () => Request): Promise<Opened> {
  const { bytes, text } = toPath(path)
  const request = check()
  const described = describe(request, text)
  return finish(described, settle(await open(bytes, request.native), text))
}

export function openPathSync(path: PathLike, check: () => Request): Opened {
  const { bytes, text } = toPath(path)
  const request = check()
  const described = describe(request, text)
  return finish(described, settle(openSync(bytes, request.native), text))
}

export async function openDescriptor(fd: number | FileHandle, check: () => Request): Promise<Opened> {
  const number = checkFd(fd)
  const request = check()
  const described = describe(request, null)
  return finish(described, settle(await openFd(number, request.native), null))
}

export function openDescriptorSync(fd: number | FileHandle, check: () => Request): Opened {
  const number = checkFd(fd)
  const request = check()
  const described = describe(request, null)
  return finish(described, settle(openFdSync(number, request.native), null))
}

export function openAnonymous(size: number, request: Request): Opened {
  const described = { ...describe(request, null), reachesFile: false }
  return finish(described, settle(anonymous(size, request.native.hugePages), null))
}
