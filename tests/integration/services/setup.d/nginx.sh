# nginx, for images on web servers.
debian nginx nginx-light
