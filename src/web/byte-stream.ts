/** A mapping as a stream of the web. */
import { checkCount, checkOptionalCount, checkPositive } from '../arguments.ts'
import { pick } from '../options.ts'
import { type Source, Walk } from './walk.ts'

export interface StreamOptions {
  /** @default 0 */
  offset?: number
  /** Default: to the end. */
  length?: number
  /**
   * Bytes of a chunk; a reader that brings its own buffer gets that filled instead.
   *
   * @default 65536
   */
  chunkSize?: number
}

export function checkStream(options: StreamOptions | undefined): { offset: number; length: number | undefined; chunkSize: number } {
  const { offset = 0, length, chunkSize = 65_536 } = pick(options, ['offset', 'length', 'chunkSize'])
  checkCount('options.offset', offset)
  checkOptionalCount('options.length', length)
  checkPositive('options.chunkSize', chunkSize)
  return { offset, length, chunkSize }
}

/** `onEnd` runs when all was read, when reading failed, or when the reader has lost interest. */
export function byteStream(
  source: Source,
  offset: number,
  length: number,
  chunkSize: number,
  onEnd = () => {},
): ReadableStream<Uint8Array> {
  const walk = new Walk(source, offset, length)
  return new ReadableStream(
    {
      type: 'bytes',
      async pull(controller) {
        try {
          await walk.ready(controller.byobRequest?.view?.byteLength ?? chunkSize)
          const request = controller.byobRequest
          const view = request?.view
          if (request && view && walk.left > 0) request.respond(walk.fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)))
          else if (walk.left > 0) controller.enqueue(walk.take(chunkSize))
          if (walk.left > 0) return
          controller.close()
          // A reader that waits with a buffer of its own is told the end this way only.
          controller.byobRequest?.respond(0)
        } catch (error) {
          onEnd()
          throw error
        }
        onEnd()
      },
      cancel: onEnd,
    },
    { highWaterMark: 0 },
  )
}
