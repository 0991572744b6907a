# docker build -t concatsplit . && docker run --rm -v "$PWD:/data" concatsplit concat a.npy b.npy -o y.npy
# To download, the image is about 45 MB of Python and 30 MB of concatsplit with its libraries.
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv --without-pip /opt/concatsplit \
 && pip --python /opt/concatsplit install --no-cache-dir --no-compile /source \
 && find /opt/concatsplit -type d -name tests -prune -exec rm -rf {} + \
 && rm /opt/concatsplit/lib/python3.13/site-packages/zstandard/_cffi.*

FROM python:3.13-slim
COPY --from=build /opt/concatsplit /opt/concatsplit
ENV PATH=/opt/concatsplit/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
ENTRYPOINT ["concatsplit"]
CMD ["--help"]
