/** A mapping as the answer to an HTTP request. */
import type { MemoryMappedFile } from '../mapped-file.ts'
import { wrongType, wrongValue } from '../misuse.ts'
import { pick } from '../options.ts'
import { byteStream } from './byte-stream.ts'
import { isFresh, isSameForRange } from './conditions.ts'
import { contentType } from './content-type.ts'
import { parseRange } from './range.ts'
import type { Validators } from './validators.ts'

/** What `new Headers()` takes; usable without the DOM library. */
export type HeaderSource = ConstructorParameters<typeof Headers>[0]

/** What a response needs to know of a request: a Request, or method and headers alone. */
export type RequestLike = Request | { headers: Headers; method?: string | undefined }

export interface ResponseOptions {
  /** The Content-Type. Default: by the extension of the path, with `charset=utf-8` for text; `application/octet-stream` for the rest. */
  type?: string
  /** More headers, sent with every status. They replace those of the same name, except Content-Length and Content-Range. */
  headers?: HeaderSource
}

/** Names an option of this package's own. */
export const bodyEnd = Symbol('bodyEnd')

export interface OwnResponseOptions extends ResponseOptions {
  /** Called when the mapping is not going to be read any further for this response, perhaps more than once. */
  [bodyEnd]?: () => void
}

/** Bodies up to here are copied at once: a stream costs more than that. */
export const SMALL = 65_536

/** Bytes of a chunk of a longer body. */
const CHUNK = 262_144

/** What only the mapping itself can tell; both fail when it was closed. */
interface Facts {
  readonly validators: () => Validators
  /** Fails when the bytes of a range cannot be had. */
  readonly check: (offset: number, length: number) => void
}

export function respond(
  mapping: MemoryMappedFile,
  facts: Facts,
  request: RequestLike | undefined,
  options: OwnResponseOptions | undefined,
): Response {
  const { method, asked } = checkRequest(request)
  const headers = checkOptions(options)
  const { etag, modified } = facts.validators()
  const total = mapping.length
  const end = options?.[bodyEnd] ?? (() => {})
  const answer = (status: number, body: Uint8Array | null = null) => {
    end()
    return new Response(body, { status, headers })
  }

  if (method !== 'GET' && method !== 'HEAD') {
    headers.set('allow', 'GET, HEAD')
    return answer(405)
  }
  const setDefault = (name: string, value: string | undefined) => {
    if (value !== undefined && !headers.has(name)) headers.set(name, value)
  }
  setDefault('accept-ranges', 'bytes')
  setDefault('etag', etag)
  setDefault('last-modified', modified?.toUTCString())
  if (isFresh(asked, headers)) return answer(304)

  // Only a GET has ranges.
  const range = method === 'GET' && isSameForRange(asked, headers) ? parseRange(asked.get('range'), total) : 'all'
  if (range === 'none') {
    headers.set('content-range', `bytes */${total}`)
    return answer(416)
  }
  const { offset, length } = range === 'all' ? { offset: 0, length: total } : range
  if (range !== 'all') headers.set('content-range', `bytes ${offset}-${offset + length - 1}/${total}`)
  headers.set('content-length', String(length))
  setDefault('content-type', contentType(mapping.path))
  const status = range === 'all' ? 200 : 206
  if (method === 'HEAD') return answer(status)
  if (length <= SMALL) return answer(status, mapping.readBytes(offset, length))
  facts.check(offset, length)
  return new Response(byteStream(mapping, offset, length, CHUNK, end), { status, headers })
}

function checkRequest(request: RequestLike = { headers: new Headers() }): { method: string; asked: Headers } {
  if (typeof request !== 'object' || request === null || typeof request.headers?.get !== 'function')
    throw wrongType('request', 'a Request, or an object with headers of the class Headers', request)
  const { method = 'GET', headers } = request
  if (typeof method !== 'string') throw wrongType('request.method', 'a string', method)
  return { method: method.toUpperCase(), asked: headers }
}

/** The headers that the caller wants. */
function checkOptions(options: ResponseOptions | undefined): Headers {
  const { type, headers: given } = pick(options, ['type', 'headers'])
  if (type !== undefined && typeof type !== 'string') throw wrongType('options.type', 'a string', type)
  const headers = checkHeaders(given)
  if (type !== undefined) headersOf('options.type', 'what a header may hold', type, () => headers.set('content-type', type))
  return headers
}

/** A copy of headers, without those that tell what is sent. */
export function checkHeaders(given: HeaderSource): Headers {
  const headers = headersOf('options.headers', 'what new Headers() takes', given, () => new Headers(given))
  for (const name of ['content-length', 'content-range']) headers.delete(name)
  return headers
}

/** Runs what throws for headers that cannot be. */
function headersOf<T>(name: string, expected: string, value: unknown, make: () => T): T {
  try {
    return make()
  } catch {
    throw wrongValue(name, expected, value)
  }
}
