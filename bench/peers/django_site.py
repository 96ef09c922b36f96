"""A Django site with the thumbnail libraries that Django projects use, each behind a view of a few lines, as their
documents show it. Originals and results on the local disk, answers without a redirect: both to their advantage.

Run by gunicorn as `django_site:application`, with the libraries on PYTHONPATH; knows nothing of this project.
"""

import os
from pathlib import Path

from django.conf import settings

FILES = os.environ["BENCH_FILES"]
MADE = os.environ["BENCH_MADE"]

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY=os.urandom(16).hex(),
    ROOT_URLCONF=__name__,
    MEDIA_ROOT=FILES,
    MEDIA_URL="/media/",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "easy_thumbnails", "sorl.thumbnail", "imagekit"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{MADE}/db.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
        }
    },
    CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": f"{MADE}/cache"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    THUMBNAIL_QUALITY=80,
    LOGGING={
        "version": 1,
        "handlers": {"log": {"class": "logging.StreamHandler"}},
        "loggers": {"django.request": {"handlers": ["log"], "level": "ERROR"}},
    },
)

import django  # noqa: E402 - the settings come first

django.setup()

from django.core.files.storage import default_storage  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def easy(_request: HttpRequest, width: int, name: str) -> HttpResponse:
    from easy_thumbnails.files import get_thumbnailer

    made = get_thumbnailer(default_storage, relative_name=name).get_thumbnail({"size": (width, 0), "quality": 80})
    return HttpResponse(default_storage.open(made.name).read(), content_type="image/jpeg")


def sorl(_request: HttpRequest, width: int, name: str) -> HttpResponse:
    from sorl.thumbnail import get_thumbnail

    made = get_thumbnail(name, str(width), quality=80, format="JPEG")
    return HttpResponse(made.read(), content_type="image/jpeg")


def imagekit(_request: HttpRequest, width: int, name: str) -> HttpResponse:
    from imagekit import ImageSpec
    from imagekit.cachefiles import ImageCacheFile
    from imagekit.processors import ResizeToFit, Transpose

    class Thumbnail(ImageSpec):  # type: ignore[misc]
        processors = (Transpose(Transpose.AUTO), ResizeToFit(width=width))
        format = "JPEG"
        options = {"quality": 80}  # noqa: RUF012 - as the library's documents write it

    with default_storage.open(name) as source:
        made = ImageCacheFile(Thumbnail(source=source))
        made.generate()
        return HttpResponse(default_storage.open(made.name).read(), content_type="image/jpeg")


def wagtail(_request: HttpRequest, width: int, name: str) -> HttpResponse:
    """The steps of a Wagtail rendition (upright, resized, JPEG) by Willow, its image library; nothing is kept."""
    import io

    from willow.image import Image

    out = io.BytesIO()
    with Path(FILES, name).open("rb") as source:
        image = Image.open(source).auto_orient()
        across, down = image.get_size()
        image.resize((width, round(down * width / across))).save_as_jpeg(
            out, quality=80, progressive=True, optimize=True
        )
    return HttpResponse(out.getvalue(), content_type="image/jpeg")


def ready(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ready")


urlpatterns = [
    path("", ready),
    *(path(f"{view.__name__}/<int:width>/<str:name>", view) for view in (easy, sorl, imagekit, wagtail)),
]
application = WSGIHandler()


def prepare() -> None:
    """Tables for easy-thumbnails and sorl; once, before the workers start."""
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    prepare()
