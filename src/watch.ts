/** Watching a mapping's file. */
import { addAbortListener, EventEmitter } from 'node:events'
import type { Mapping, Watch, WatchNotice } from '#binding'
import { watch } from '#binding'
import { checkSignal } from './abort.ts'
import { checkBoolean, checkCount } from './arguments.ts'
import { ChangeQueue, joinChanges } from './change-queue.ts'
import type { ChangeKind } from './enums.ts'
import { fromFailure, settle } from './errors.ts'
import { outOfRange, wrongType } from './misuse.ts'
import { pick } from './options.ts'

/** What happened to a watched file. */
export interface ChangeEvent {
  /**
   * `'modified'`: content or size changed, the file was created, or another file took its place. `'metadata'`: permissions or times
   * changed. `'removed'`: the path names no file any more.
   */
  kind: ChangeKind
  /** First changed byte of the mapping. Told with `pollMs` alone: the operating systems do not tell. */
  offset?: number
  /** Number of changed bytes, in whole pages. */
  length?: number
  /** True when the path now names another file (an editor's save, a deployment's rename): open it again to see the new bytes. */
  replaced?: boolean
}

export interface WatchOptions {
  /** Closes the watcher when it aborts. */
  signal?: AbortSignal
  /**
   * Joins events of one kind that come closer together than this, in milliseconds. The joined event comes when none has come for
   * so long.
   *
   * @default 0
   */
  debounceMs?: number
  /**
   * Also compares contents every so many milliseconds, off the main thread, because stores made through mappings raise no event.
   * Off by default, and with 0.
   */
  pollMs?: number
  /**
   * Whether `pollMs` compares pages that are not in memory, too, and reads them for that.
   *
   * @default false
   */
  pollAll?: boolean
  /**
   * Whether the watcher keeps the process alive.
   *
   * @default true
   */
  persistent?: boolean
}

/**
 * Tells what happens to a file. Events: `'change'` (a {@link ChangeEvent}), `'error'` (an MmapIoError, after which the watcher
 * closes), `'close'`.
 *
 * `'removed'` comes at once; the watcher closes by itself one second later unless the path comes back, which is `'modified'` with
 * `replaced`.
 *
 * It is an async iterable of the same events, from the moment the iteration begins. A loop that is slow gets changes of one kind
 * in a row, and at last all of them, joined to one; nothing piles up. The loop ends when the watcher closes, and throws its error,
 * or the reason of its signal. Leaving the loop leaves the watcher open.
 */
export interface Watcher extends EventEmitter, AsyncIterable<ChangeEvent> {
  /** Whether changes are still told. */
  readonly isActive: boolean
  /** Ends the watch: no listener for changes or errors runs after it returns. Idempotent. */
  close(): void
  /** Lets the watcher keep the process alive. */
  ref(): this
  /** Lets the process end although the watcher is open. */
  unref(): this
  [Symbol.dispose](): void
}

/** Checked arguments of `watch`. */
export interface WatchPlan {
  readonly listener: ((event: ChangeEvent) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly debounceMs: number
  readonly pollMs: number
  readonly pollAll: boolean
  readonly persistent: boolean
}

const names = ['signal', 'debounceMs', 'pollMs', 'pollAll', 'persistent']
/** What a timer can wait. Beyond, Node's fire at once. */
const MAX_DELAY = 2 ** 31 - 1

export function planWatch(listener: ((event: ChangeEvent) => void) | undefined, options: WatchOptions | undefined): WatchPlan {
  if (listener !== undefined && typeof listener !== 'function') throw wrongType('listener', 'a function', listener)
  const { signal, debounceMs = 0, pollMs = 0, pollAll = false, persistent = true } = pick(options, names)
  checkSignal('options.signal', signal)
  checkDelay('options.debounceMs', debounceMs)
  checkDelay('options.pollMs', pollMs)
  checkBoolean('options.pollAll', pollAll)
  checkBoolean('options.persistent', persistent)
  return { listener, signal, debounceMs, pollMs, pollAll, persistent }
}

function checkDelay(name: string, value: number): void {
  checkCount(name, value)
  if (value > MAX_DELAY) throw outOfRange(name, `at most ${MAX_DELAY}`, value)
}

/** A change that waits for more of its kind. */
interface Pending {
  readonly event: ChangeEvent
  readonly timer: NodeJS.Timeout
}

export class FileWatcher extends EventEmitter implements Watcher {
  readonly #path: string | null
  readonly #debounceMs: number
  readonly #watchers: Set<FileWatcher>
  readonly #pending = new Map<ChangeKind, Pending>()
  readonly #queues = new Set<ChangeQueue>()
  readonly #abort: Disposable | undefined
  /** Undefined after close. */
  #native: Watch | undefined
  #keepsAlive: boolean

  /** Adds itself to `watchers` while it is open. */
  constructor(mapping: Mapping, path: string | null, plan: WatchPlan, watchers: Set<FileWatcher>) {
    super()
    const { listener, signal, pollMs: poll, pollAll } = plan
    if (signal?.aborted) throw signal.reason
    const request = poll === 0 ? { pollAll } : { poll, pollAll }
    this.#native = settle(
      watch(mapping, request, (notices) => this.#receive(notices)),
      path,
    )
    this.#path = path
    this.#debounceMs = plan.debounceMs
    this.#keepsAlive = plan.persistent
    this.#native.keepAlive(plan.persistent)
    this.#watchers = watchers.add(this)
    this.#abort = signal && addAbortListener(signal, () => this.#finish((queue) => queue.fail(signal.reason)))
    if (listener) this.on('change', listener)
  }

  get isActive(): boolean {
    return this.#native?.isActive ?? false
  }

  close(): void {
    this.#finish((queue) => queue.close())
  }

  [Symbol.dispose](): void {
    this.close()
  }

  ref(): this {
    return this.#keepAlive(true)
  }

  unref(): this {
    return this.#keepAlive(false)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ChangeEvent, undefined> {
    const queue = new ChangeQueue()
    if (this.#native) this.#queues.add(queue)
    else queue.close()
    return {
      next: () => queue.next(),
      return: async () => {
        this.#queues.delete(queue)
        queue.close()
        return { value: undefined, done: true }
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  #keepAlive(keep: boolean): this {
    this.#keepsAlive = keep
    this.#native?.keepAlive(keep)
    for (const { timer } of this.#pending.values()) keep ? timer.ref() : timer.unref()
    return this
  }

  #receive(notices: WatchNotice[]): void {
    try {
      // A listener may close the watcher.
      while (this.#native && notices.length > 0) this.#take(notices.shift() as WatchNotice)
    } finally {
      // A listener has thrown: the rest is told all the same.
      if (notices.length > 0 && this.#native) setImmediate(() => this.#receive(notices))
    }
  }

  #take({ kind, offset, length, replaced, failure }: WatchNotice): void {
    if (failure) this.#fail(fromFailure(failure, this.#path))
    else if (kind === undefined) this.#end()
    else {
      const range = offset === undefined || length === undefined ? {} : { offset, length }
      const event = { kind, ...range, ...(replaced && { replaced }) }
      if (this.#debounceMs === 0) this.#tell(event)
      else this.#debounce(event)
    }
  }

  #debounce(event: ChangeEvent): void {
    const { kind } = event
    const waiting = this.#pending.get(kind)
    clearTimeout(waiting?.timer)
    // Behind those of other kinds, whose last event is older now.
    this.#pending.delete(kind)
    const timer = setTimeout(() => this.#tellPending(kind), this.#debounceMs)
    if (!this.#keepsAlive) timer.unref()
    this.#pending.set(kind, { event: waiting ? joinChanges(waiting.event, event) : event, timer })
  }

  #tellPending(kind: ChangeKind): void {
    const waiting = this.#pending.get(kind)
    this.#pending.delete(kind)
    if (waiting) this.#tell(waiting.event)
  }

  #tell(event: ChangeEvent): void {
    for (const queue of this.#queues) queue.push(event)
    this.emit('change', event)
  }

  #fail(error: Error): void {
    const isHeard = this.#queues.size > 0
    this.#finish((queue) => queue.fail(error))
    // Without anybody to hear it, it ends the process as every such error does.
    if (!isHeard || this.listenerCount('error') > 0) this.emit('error', error)
  }

  /** The watch has ended by itself. */
  #end(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    for (const kind of [...this.#pending.keys()]) this.#tellPending(kind)
    this.#finish((queue) => queue.end())
  }

  #finish(finish: (queue: ChangeQueue) => void): void {
    if (!this.#native) return
    this.#native.close()
    this.#native = undefined
    this.#watchers.delete(this)
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    this.#pending.clear()
    for (const queue of this.#queues) finish(queue)
    this.#queues.clear()
    process.nextTick(() => this.emit('close'))
    try {
      this.#abort?.[Symbol.dispose]()
    } catch {
      // A signal of another make may throw. The close of the mapping, which may wait for this, goes on.
    }
  }
}
