/** The console begins here. */
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { whenSignedOut } from './api/http'
import { loadAnewForNewHosts } from './player/policy'
import { router } from './router'
import { usePreferences } from './stores/preferences'
import { useSession } from './stores/session'
import './theme/base.css'

loadAnewForNewHosts()
const app = createApp(App)
app.use(createPinia())
usePreferences()
whenSignedOut(() => {
  useSession().lost()
  const here = router.currentRoute.value
  if (here.name !== 'login') void router.replace({ name: 'login', query: { to: here.fullPath } })
})
app.use(router)
app.mount('#app')
