/**
 * The view mode of mappings that are opened without one: the test hook that CONTRIBUTING describes chooses it, and the whole suite
 * passes in each. What differs between them stands in docs/views.md.
 */
import { capabilities } from '#mmap-io'

export const view = capabilities.defaultView

/** Views show the mapped memory itself, so that stores go both ways. */
export const isLive = view !== 'copy'

/** close() makes views empty. Shared ones read zeros instead, and copies stay. */
export const isEmptied = view === 'external' || view === 'wasm'
