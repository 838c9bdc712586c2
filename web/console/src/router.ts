/** Screens by address. Whoever is not signed in sees the login first and comes back to where they wanted to go. */
import { ref } from 'vue'
import { createRouter, createWebHistory } from 'vue-router'
import { isPartMissing, serverAnswers } from './parts'
import { useSession } from './stores/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('./views/LoginView.vue') },
    {
      path: '/',
      component: () => import('./views/ShellView.vue'),
      children: [
        { path: '', redirect: '/watch' },
        // The wall lives in the shell and goes on playing behind other screens.
        { path: 'watch', name: 'watch', component: { render: () => null } },
        { path: 'alarms', name: 'alarms', component: () => import('./views/AlarmsView.vue') },
        { path: 'playback', name: 'playback', component: () => import('./playback/PlaybackScreen.vue') },
        { path: 'places', name: 'places', component: () => import('./views/PlacesView.vue') },
        { path: 'devices', name: 'devices', component: () => import('./views/DevicesView.vue') },
        { path: 'platforms', name: 'platforms', component: () => import('./views/PlatformsView.vue') },
        { path: 'streams', name: 'streams', component: () => import('./views/StreamsView.vue') },
        { path: 'snapshots', name: 'snapshots', component: () => import('./snapshots/SnapshotsScreen.vue') },
        { path: 'ladder', name: 'ladder', component: () => import('./views/LadderView.vue') },
        { path: 'system', name: 'system', component: () => import('./views/SystemView.vue') },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/watch' },
  ],
})

/** Screens that were wanted and could not be fetched, since the server does not answer. */
export const partsMissed = ref(0)

// After an update of the server the old console's lazy parts are gone: take the new console. While the server does not
// answer there is none to take, and leaving would end the pictures that still play.
router.onError(async (error, to) => {
  if (!isPartMissing(error)) return
  if (await serverAnswers()) location.assign(to.fullPath)
  else partsMissed.value++
})

router.beforeEach(async (to) => {
  const session = useSession()
  try {
    await session.recall()
  } catch {
    // the server cannot be reached: the login says so when it is tried
  }
  if (to.name === 'login') return session.user ? { name: 'watch' } : true
  return session.user ? true : { name: 'login', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
})
