/** Files that stay mapped between requests, the ones used last. */
import type { BigIntStats } from 'node:fs'
import type { MemoryMappedFile } from '../mapped-file.ts'
import { type Found, isSame } from './asset-path.ts'

interface Entry {
  readonly info: BigIntStats
  readonly mapping: Promise<MemoryMappedFile>
  /** Responses that read from it. */
  uses: number
  dropped: boolean
}

/** A mapping in use, and what to call, once, when it is not used any more. */
export interface Loan {
  readonly mapping: MemoryMappedFile
  release(): void
}

export class AssetCache {
  #most: number
  readonly #map: (found: Found) => Promise<MemoryMappedFile>
  /** By path, the one used last at the end. */
  readonly #entries = new Map<string, Entry>()

  constructor(most: number, map: (found: Found) => Promise<MemoryMappedFile>) {
    this.#most = most
    this.#map = map
  }

  /** The mapping of a file as it is now. Several requests for a new file share one. */
  async borrow(found: Found): Promise<Loan> {
    const entry = this.#entryOf(found)
    entry.uses++
    this.#trim()
    let released = false
    const release = () => {
      if (released) return
      released = true
      entry.uses--
      this.#closeUnused(entry)
      this.#trim()
    }
    try {
      return { mapping: await entry.mapping, release }
    } catch (error) {
      // The next request tries again.
      if (this.#entries.get(found.path) === entry) this.#entries.delete(found.path)
      throw error
    }
  }

  /** Keeps nothing from now on: what is not in use is closed, the rest when its last response is done. */
  clear(): void {
    this.#most = 0
    this.#trim()
  }

  #entryOf(found: Found): Entry {
    const { path, info } = found
    const known = this.#entries.get(path)
    if (known && isSame(known.info, info)) {
      this.#entries.delete(path)
      this.#entries.set(path, known)
      return known
    }
    if (known) this.#drop(path, known)
    const entry = { info, mapping: this.#map(found), uses: 0, dropped: false }
    this.#entries.set(path, entry)
    return entry
  }

  /** Drops the files used longest ago. Those in use stay: dropped ones would soon be mapped twice. */
  #trim(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= this.#most) return
      if (entry.uses === 0) this.#drop(path, entry)
    }
  }

  #drop(path: string, entry: Entry): void {
    this.#entries.delete(path)
    entry.dropped = true
    this.#closeUnused(entry)
  }

  #closeUnused({ dropped, uses, mapping }: Entry): void {
    if (dropped && uses === 0)
      mapping.then(
        (open) => open.close(),
        () => {},
      )
  }
}
