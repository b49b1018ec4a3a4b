/** What a watcher tells, as tests want it. */
import { appendFileSync, chmodSync, statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { ExecutionContext } from 'ava'
import type { ChangeEvent, Watcher } from '#mmap-io'

/** How long a change is waited for. None should ever take so long. */
const LIMIT = 60_000

export const modified: ChangeEvent = { kind: 'modified' }
export const metadata: ChangeEvent = { kind: 'metadata' }
export const removed: ChangeEvent = { kind: 'removed' }
export const replaced: ChangeEvent = { kind: 'modified', replaced: true }

/** Collects what a watcher tells; the same again in a row is one. */
export class Changes {
  readonly told: ChangeEvent[] = []
  readonly #t: ExecutionContext
  readonly #watcher: Watcher
  #heard = () => {}

  constructor(t: ExecutionContext, watcher: Watcher) {
    this.#t = t
    this.#watcher = watcher
    t.teardown(() => watcher.close())
    watcher.on('change', (event: ChangeEvent) => {
      if (!isDeepStrictEqual(this.told.at(-1), event)) this.told.push(event)
      this.#heard()
    })
    watcher.on('close', () => this.#heard())
  }

  /** Waits until as many changes were told and compares them. */
  async are(...expected: ChangeEvent[]): Promise<void> {
    await this.until(() => this.told.length >= expected.length)
    this.#t.deepEqual(this.told, expected)
  }

  /** The same, and that nothing else is told before a last change of the file at `path`, which this makes. */
  async areAll(path: string, ...expected: ChangeEvent[]): Promise<void> {
    await this.are(...expected)
    if (expected.at(-1)?.kind === 'metadata') {
      appendFileSync(path, 'x')
      await this.are(...expected, modified)
    } else {
      chmodSync(path, statSync(path).mode ^ 0o20)
      await this.are(...expected, metadata)
    }
  }

  /** The same, and that the watcher closes then. */
  async areLast(...expected: ChangeEvent[]): Promise<void> {
    await this.until(() => !this.#watcher.isActive)
    this.#t.deepEqual(this.told, expected)
  }

  async until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain, told: ${JSON.stringify(this.told)}`)), LIMIT)
      this.#heard = () => {
        if (!condition()) return
        clearTimeout(timer)
        resolve()
      }
      this.#heard()
    })
  }
}
