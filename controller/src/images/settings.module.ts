import { Global, Module } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { IMAGE_SETTINGS, type ImageSettings } from "./settings.js";
import { defaultLimits } from "./tree/archive/limits.js";

/** The images' part of the settings. */
@Global()
@Module({
  providers: [
    {
      provide: IMAGE_SETTINGS,
      inject: [CONFIG],
      useFactory: ({ store }: Config): ImageSettings => ({
        storeDir: store.dir,
        shippedDir: store.shipped_dir || undefined,
        archive: defaultLimits,
      }),
    },
  ],
  exports: [IMAGE_SETTINGS],
})
export class ImageSettingsModule {}
