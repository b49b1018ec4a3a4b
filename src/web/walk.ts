/** A walk through a range of a mapping, for streams. */
import { setImmediate as turn } from 'node:timers/promises'
import type { MemoryMappedFile } from '../mapped-file.ts'

/** What a walk needs of a mapping. Both methods fail when it was closed or the bytes are lost. */
export type Source = Pick<MemoryMappedFile, 'readBytes' | 'readInto'>

/** Bytes that are copied in one turn of the event loop. */
const TURN = 2 ** 20

/** Hands out copies: a consumer may keep, change or transfer what it gets, and close() must not empty what native code still reads. */
export class Walk {
  readonly #source: Source
  readonly #end: number
  #at: number
  #turnEnds: number

  constructor(source: Source, start: number, length: number) {
    this.#source = source
    this.#at = start
    this.#end = start + length
    this.#turnEnds = start
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.#at
  }

  /** Waits until bytes can be taken. */
  async ready(): Promise<void> {
    if (this.#at < this.#turnEnds || this.left === 0) return
    await turn()
    this.#turnEnds = this.#at + TURN
  }

  /** The next bytes, `size` of them while there are that many. */
  take(size: number): Buffer {
    const bytes = this.#source.readBytes(this.#at, Math.min(size, this.left))
    this.#at += bytes.length
    return bytes
  }

  /** Fills a view from its start, as far as there are bytes, and tells how many. */
  fill(view: Uint8Array): number {
    const size = Math.min(view.length, this.left)
    this.#source.readInto(this.#at, view.subarray(0, size))
    this.#at += size
    return size
  }
}
