/** A walk through a range of a mapping, for streams. */
import type { MemoryMappedFile } from '../mapped-file.ts'

/** What a walk needs of a mapping. Its methods fail when it was closed or the bytes are lost. */
export type Source = Pick<MemoryMappedFile, 'readBytes' | 'readInto' | 'touchPages'>

/** Bytes that are loaded at once, off the main thread. */
const STEP = 2 ** 20

/** Hands out copies: a consumer may keep, change or transfer what it gets, and close() must not empty what native code still reads. */
export class Walk {
  readonly #source: Source
  readonly #end: number
  #at: number
  /** Where the step being loaded ends, and where the one before it ended: so far bytes can be copied. */
  #asked: number
  #loaded: number
  #loading: Promise<unknown> | undefined

  constructor(source: Source, start: number, length: number) {
    this.#source = source
    this.#at = start
    this.#end = start + length
    this.#asked = start
    this.#loaded = start
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.#at
  }

  /** Waits until `size` bytes, or those that are left, can be copied without waiting for the disk. */
  async ready(size: number): Promise<void> {
    const wanted = this.#at + Math.min(size, this.left)
    while (this.#loaded < wanted) {
      await (this.#loading ?? this.#load(wanted))
      this.#loaded = this.#asked
      // The next step is loaded while this one is consumed.
      this.#loading = this.#asked < this.#end ? this.#load(0) : undefined
    }
  }

  /** Loads the next step, up to `wanted` at least. What fails is told when it is copied: some of the bytes may be good. */
  #load(wanted: number): Promise<unknown> {
    const from = this.#asked
    this.#asked = Math.min(Math.max(from + STEP, wanted), this.#end)
    return this.#source.touchPages([from, this.#asked - from]).catch(() => {})
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
