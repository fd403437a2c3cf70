// Hydrogen as it is, with nothing added: its login, its list of rooms, its timeline.
import { FeatureSet, Platform, RootViewModel, createNavigation, createRouter } from "hydrogen-view-sdk";

const homeserver = new URLSearchParams(location.search).get("homeserver");
const platform = new Platform({
    container: document.body,
    // No room of the scene is encrypted: olm and its worker are not needed.
    assetPaths: { serviceWorker: "sw.js" },
    config: { defaultHomeServer: homeserver, push: null },
    options: { development: true },
});

const navigation = createNavigation();
platform.setNavigation(navigation);
await platform.init();
const urlRouter = createRouter({ navigation, history: platform.history });
urlRouter.attach();
const features = await FeatureSet.load(platform.settingsStorage);
const root = new RootViewModel({ platform, urlRouter, navigation, features });
platform.createAndMountRootView(root);
await root.load();
