/** A mapping as a stream of Node. */
import { Readable } from 'node:stream'
import { checkSignal } from '../abort.ts'
import { checkOptionalCount, checkPositive } from '../arguments.ts'
import { outOfRange } from '../misuse.ts'
import { pick } from '../options.ts'
import { type Source, Walk } from './walk.ts'

export interface ReadStreamOptions {
  /**
   * First byte.
   *
   * @default 0
   */
  start?: number
  /** Last byte, itself included. Default: the last one of the mapping; a later one means the same. */
  end?: number
  /**
   * Bytes of a chunk, and how many are read ahead of the consumer.
   *
   * @default 65536
   */
  highWaterMark?: number
  /** Destroys the stream with an AbortError whose cause is the signal's reason. */
  signal?: AbortSignal
}

type Checked = Required<Pick<ReadStreamOptions, 'start' | 'highWaterMark'>> & Pick<ReadStreamOptions, 'end' | 'signal'>

export function checkReadStream(options: ReadStreamOptions | undefined): Checked {
  const { start = 0, end, highWaterMark = 65_536, signal } = pick(options, ['start', 'end', 'highWaterMark', 'signal'])
  checkOptionalCount('options.start', start)
  checkOptionalCount('options.end', end)
  if (end !== undefined && start > end) throw outOfRange('options.start', `at most "options.end" (${end})`, start)
  checkPositive('options.highWaterMark', highWaterMark)
  checkSignal('options.signal', signal)
  return { start, highWaterMark, ...(end !== undefined && { end }), ...(signal !== undefined && { signal }) }
}

export function readStream(source: Source, total: number, { start, end = total - 1, highWaterMark, signal }: Checked): Readable {
  const walk = new Walk(source, start, Math.max(0, Math.min(end + 1, total) - start))
  return new Readable({
    highWaterMark,
    ...(signal && { signal }),
    read() {
      const next = () => this.push(walk.left === 0 ? null : walk.take(highWaterMark))
      walk
        .ready(highWaterMark)
        .then(next)
        .catch((error) => this.destroy(error))
    },
  })
}
