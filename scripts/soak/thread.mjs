// The roles of one thread of one process, in turns, until the time is over. A line of JSON for what was done; one for what is wrong.
import { setImmediate as turn } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { randomFrom } from '../fuzz/random.mjs'
import { threads } from './roles/index.mjs'

export async function runThread({ number, process: processNumber, processes, seed, folder, until }) {
  const api = await import('#mmap-io')
  const thread = processNumber * threads.length + number
  const counts = {}
  const running = new Set()
  const count = (what, times = 1) => {
    counts[what] = (counts[what] ?? 0) + times
  }
  const wrong = (what) => {
    throw new Error(what)
  }
  /** Lets a task run on, which may end as one of `kinds` of errors. Resolves when it has ended. */
  const background = (promise, kinds = ['Closed']) => {
    const ended = promise.catch((error) => {
      if (!kinds.includes(error.kind)) throw error
    })
    running.add(ended)
    return ended.then(() => running.delete(ended))
  }
  const rounds = threads[number]
    .filter(({ isPossible }) => isPossible?.(api) ?? true)
    .map(({ name, start }, at) => {
      const random = randomFrom(`${seed} ${thread} ${at}`)
      const writer = threads
        .slice(0, number)
        .flat()
        .filter((role) => role.name === 'write').length
      const perProcess = threads.flat().filter((role) => role.name === 'write').length
      const place = { writer: processNumber * perProcess + writer, writers: processes * perProcess, thread, isMain: isMainThread }
      return { name, round: start({ api, folder, random, wrong, count, background, ...place }) }
    })
  do {
    for (const { name, round } of rounds) {
      await round()
      count(name)
    }
    await turn()
  } while (Date.now() < until)
  await Promise.all(running)
  return { counts, rounds }
}

/** Ends the roles, when no other thread works any more. */
export const endThread = async ({ rounds }) => {
  for (const { round } of rounds) await round.end?.()
}

if (!isMainThread) {
  const { counts } = await runThread(workerData)
  parentPort.postMessage(counts)
}
