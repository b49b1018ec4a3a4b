/** Changes that wait for a loop, never more than a few. */
import { ChangeKind } from './enums.ts'
import type { ChangeEvent } from './watch.ts'

/** Changes that wait. More are joined. */
const MOST = 64

/** Two changes of one kind as one. */
export function joinChanges(first: ChangeEvent, second: ChangeEvent): ChangeEvent {
  const { kind } = second
  const replaced = first.replaced || second.replaced
  const span = spanOf(first, second)
  return { kind, ...span, ...(replaced && { replaced }) }
}

function spanOf(a: ChangeEvent, b: ChangeEvent): { offset: number; length: number } | undefined {
  if (a.offset === undefined || a.length === undefined || b.offset === undefined || b.length === undefined) return undefined
  const offset = Math.min(a.offset, b.offset)
  return { offset, length: Math.max(a.offset + a.length, b.offset + b.length) - offset }
}

/** Whether joining two changes loses nothing. */
const isMore = (a: ChangeEvent, b: ChangeEvent): boolean =>
  a.kind === b.kind && a.replaced === b.replaced && a.offset === undefined && b.offset === undefined

/** What waits for one loop over a watcher's changes. */
export class ChangeQueue {
  readonly #changes: ChangeEvent[] = []
  readonly #waiting: { resolve: (result: IteratorResult<ChangeEvent, undefined>) => void; reject: (reason: unknown) => void }[] = []
  #isOver = false
  /** Why the loop is to throw, until it has been told. */
  #failure: { readonly reason: unknown } | undefined

  push(event: ChangeEvent): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve({ value: event, done: false })
    else this.#keep(event)
  }

  #keep(event: ChangeEvent): void {
    const last = this.#changes.at(-1)
    if (last && isMore(last, event)) return
    this.#changes.push(event)
    if (this.#changes.length > MOST) this.#joinAll(event)
  }

  /** No more changes; those that wait are still handed out. */
  end(): void {
    this.#isOver = true
    for (const { resolve } of this.#waiting.splice(0)) resolve({ value: undefined, done: true })
  }

  /** No more changes, at once. */
  close(): void {
    this.#changes.length = 0
    this.end()
  }

  /** The loop throws. */
  fail(reason: unknown): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.reject(reason)
    else this.#failure = { reason }
    this.end()
  }

  next(): Promise<IteratorResult<ChangeEvent, undefined>> {
    const value = this.#changes.shift()
    if (value) return Promise.resolve({ value, done: false })
    if (this.#failure) {
      const { reason } = this.#failure
      this.#failure = undefined
      return Promise.reject(reason)
    }
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #joinAll(last: ChangeEvent): void {
    const replaced = this.#changes.some((change) => change.replaced)
    this.#changes.length = 0
    this.#changes.push({ kind: ChangeKind.Modified, ...(replaced && { replaced }) })
    if (last.kind === ChangeKind.Removed) this.#changes.push(last)
  }
}
