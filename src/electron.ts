/**
 * Files of a folder, served from memory to Electron's `protocol.handle` and to whatever else speaks Request and Response.
 *
 * @packageDocumentation
 */
import { constants, type PathLike } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { checkPositive } from './arguments.ts'
import { MemoryMappedFile } from './mapped-file.ts'
import { wrongType } from './misuse.ts'
import { pick } from './options.ts'
import { toPath } from './path.ts'
import { capabilities } from './utilities.ts'
import { AssetCache, type Loan } from './web/asset-cache.ts'
import { find, place } from './web/asset-path.ts'
import { contentType } from './web/content-type.ts'
import { bodyEnd, checkHeaders, type HeaderSource, type OwnResponseOptions, SMALL } from './web/response.ts'

export interface AssetHandlerOptions {
  /**
   * Keep at most this many files mapped. More than that only while more are being sent at once.
   *
   * @default 256
   */
  maxMapped?: number
  /**
   * The file that a folder stands for.
   *
   * @default 'index.html'
   */
  index?: string
  /** Headers of every response; they replace those of the same name, except Content-Length and Content-Range. */
  headers?: HeaderSource
}

export interface AssetHandler {
  (request: Request): Promise<Response>
  /** Closes the files; responses on their way are still sent. Every later request gets 503. Idempotent. */
  close(): void
}

/** What the operating system says of a path that leads to no file that may be read. */
const missing: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'EACCES', 'EPERM'])

class OutsideError extends Error {}

const isMissing = (error: unknown): boolean => error instanceof OutsideError || missing.has((error as NodeJS.ErrnoException).code)

/** Bodies that nobody reads and nobody cancels give their file back when they are collected. */
const abandoned = new FinalizationRegistry<() => void>((release) => release())

/**
 * A handler for `protocol.handle()` of Electron: files below `root`, answered as by `MemoryMappedFile.response`, so that media can be
 * seeked. The path of a URL is taken below `root`; its host does not matter.
 *
 * Nothing outside `root` is reachable, by `..`, encoding, absolute path, NUL, backslash or link: 404, as for a missing file. A folder
 * serves its `index`. A file that was rewritten or replaced is mapped anew at the next request. Rejects with what else the operating
 * system says (`EMFILE`, `EIO`).
 *
 * ```js
 * import { createAssetHandler } from 'mmap-io/electron'
 *
 * const handler = createAssetHandler('assets', { headers: { 'cache-control': 'no-cache' } })
 * await app.whenReady()
 * protocol.handle('app', handler)
 * ```
 */
export function createAssetHandler(root: PathLike, options?: AssetHandlerOptions): AssetHandler {
  const folder = resolve(toPath(root, 'root').text)
  const { maxMapped = 256, index = 'index.html', headers: given } = pick(options, ['maxMapped', 'index', 'headers'])
  checkPositive('options.maxMapped', maxMapped)
  if (typeof index !== 'string') throw wrongType('options.index', 'a string', index)
  toPath(index, 'options.index') // which refuses NUL
  const headers = checkHeaders(given)
  const cache = new AssetCache(maxMapped, ({ path }) => map(folder, path))
  let closed = false

  const answer = async (request: Request): Promise<Response> => {
    if (typeof request?.url !== 'string') throw wrongType('request', 'a Request', request)
    if (closed) return new Response(null, { status: 503, headers })
    try {
      const found = await find(folder, request.url, index)
      if (found === undefined) return new Response(null, { status: 404, headers })
      return send(await cache.borrow(found), found.path, request, headers)
    } catch (error) {
      if (isMissing(error)) return new Response(null, { status: 404, headers })
      throw error
    }
  }
  const close = () => {
    closed = true
    cache.clear()
  }
  return Object.assign(answer, { close })
}

/** How often a file that is replaced while it is opened is opened again. */
const ATTEMPTS = 10

/** Maps a file, whose place is checked after it was opened: what a link leads to may change meanwhile. */
async function map(folder: string, path: string): Promise<MemoryMappedFile> {
  for (let attempt = 1; ; attempt++) {
    // A FIFO that has just taken the file's place must not make the thread wait.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const info = await file.stat({ bigint: true })
      const where = await place(folder, path, info)
      // A small file is sent without a stream, which would load its pages off the main thread.
      if (where === 'below') return await MemoryMappedFile.fromFd(file, { view, touch: info.size <= SMALL ? 'eager' : 'never' })
      if (where === 'outside' || attempt === ATTEMPTS) throw new OutsideError()
    } finally {
      await file.close()
    }
  }
}

/** Bodies are copies of the bytes: views are not needed, and of some kinds there can be few only. */
const view = capabilities.views.includes('copy') ? 'copy' : 'auto'

function send({ mapping, release }: Loan, path: string, request: Request, headers: Headers): Response {
  const options: OwnResponseOptions = { headers, [bodyEnd]: release }
  if (!headers.has('content-type')) options.type = contentType(path)
  try {
    const response = mapping.response(request, options)
    if (response.body) abandoned.register(response.body, release)
    return response
  } catch (error) {
    release()
    throw error
  }
}
