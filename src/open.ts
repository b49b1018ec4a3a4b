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
import { createViews, type Views } from './views/views.ts'

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
  readonly views: Views
  /** Whether it opened the file; one that was attached did not. */
  readonly isFirst: boolean
}

function describe({ native, view, flushPolicy }: Request, path: string | null): About {
  // First of all: a view mode that cannot be had must not leave a created file behind.
  chooseView(view, native.length ?? native.size ?? 0)
  return { path, mode: native.mode, flushPolicy, reachesFile: native.mode === MmapMode.ReadWrite }
}

function finish(about: About, { view }: Request, native: Mapping): Opened {
  try {
    const interval = flushInterval(about.flushPolicy)
    if (interval !== undefined) settle(native.flushEvery(interval), about.path)
    return { ...withViews(about, view, native), isFirst: true }
  } catch (error) {
    native.close()
    throw error
  }
}

export const withViews = (about: About, view: 'auto' | ViewMode, native: Mapping): Omit<Opened, 'isFirst'> => ({
  ...about,
  native,
  views: createViews(view, native),
})

export async function openPath(path: PathLike, check: () => Request): Promise<Opened> {
  const { bytes, text } = toPath(path)
  const request = check()
  const about = describe(request, text)
  return finish(about, request, settle(await open(bytes, request.native), text))
}

export function openPathSync(path: PathLike, check: () => Request): Opened {
  const { bytes, text } = toPath(path)
  const request = check()
  const about = describe(request, text)
  return finish(about, request, settle(openSync(bytes, request.native), text))
}

export async function openDescriptor(fd: number | FileHandle, check: () => Request): Promise<Opened> {
  const number = checkFd(fd)
  const request = check()
  const about = describe(request, null)
  return finish(about, request, settle(await openFd(number, request.native), null))
}

export function openDescriptorSync(fd: number | FileHandle, check: () => Request): Opened {
  const number = checkFd(fd)
  const request = check()
  const about = describe(request, null)
  return finish(about, request, settle(openFdSync(number, request.native), null))
}

export function openAnonymous(size: number, request: Request): Opened {
  const about = { ...describe(request, null), reachesFile: false }
  return finish(about, request, settle(anonymous(size, request.native.hugePages), null))
}
